"""The secret that signs what an account's triggers send."""

from sqlalchemy import Connection, select

from oms_ledger.eventstore.encryption import Encryption
from projections.masterdata.tables import trigger_secrets as t
from projections.notifications.hooks import new_secret
from projections.sql.upserts import upsert
from projections.subscriptions.checkpoints import now_micros


def _place(account: str) -> str:
    return f"trigger-secret:{account}"


def rotate(connection: Connection, encryption: Encryption, account: str) -> str:
    """A new secret, which takes the place of the previous one at once."""
    secret = new_secret()
    sealed = encryption.seal(secret.encode(), _place(account))
    row = {"account": account, "secret": sealed, "created_at": now_micros()}
    connection.execute(upsert(connection, t), row)
    return secret


def get(connection: Connection, encryption: Encryption, account: str) -> str | None:
    query = select(t.c.secret).where(t.c.account == account)
    sealed = connection.execute(query).scalar_one_or_none()
    return None if sealed is None else encryption.open(bytes(sealed), _place(account)).decode()
