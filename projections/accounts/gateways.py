"""Which remote payment gateway an account has; its secrets are stored encrypted."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from oms_ledger.eventstore.encryption import Encryption
from projections.subscriptions.checkpoints import now_micros
from projections.tables import gateways as t


@dataclass(frozen=True, slots=True)
class RemoteGateway:
    account: str
    url: str
    app_key: str
    app_token: str = field(repr=False)


def get(connection: Connection, account: str, encryption: Encryption) -> RemoteGateway | None:
    row = connection.execute(select(t).where(t.c.account == account)).one_or_none()
    if row is None:
        return None
    key, token = json.loads(encryption.open(bytes(row.credentials), _place(account)))
    return RemoteGateway(account, row.url, key, token)


def configure(connection: Connection, gateway: RemoteGateway, encryption: Encryption) -> None:
    """Set or replace the gateway of an account."""
    secrets = json.dumps([gateway.app_key, gateway.app_token]).encode()
    remove(connection, gateway.account)
    connection.execute(
        insert(t).values(
            account=gateway.account,
            url=gateway.url,
            credentials=encryption.seal(secrets, _place(gateway.account)),
            configured_at=now_micros(),
        )
    )


def remove(connection: Connection, account: str) -> bool:
    return connection.execute(delete(t).where(t.c.account == account)).rowcount > 0


def _place(account: str) -> str:
    return f"gateway:{account}"
