"""The secret that signs what an account's triggers send."""

from sqlalchemy import Connection, select

from oms_ledger.eventstore.encryption import Encryption
from projections.masterdata.tables import trigger_secrets as t


def place(account: str) -> str:
    """What the secret is sealed for: it opens in the row of its account alone."""
    return f"trigger-secret:{account}"


def get(connection: Connection, encryption: Encryption, account: str) -> str | None:
    """The account's secret; None where its triggers sign nothing yet."""
    query = select(t.c.secret).where(t.c.account == account)
    sealed = connection.execute(query).scalar_one_or_none()
    return None if sealed is None else encryption.open(bytes(sealed), place(account)).decode()
