"""Which remote payment gateway an account has; its secrets are stored encrypted."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from oms_ledger.eventstore.encryption import Encryption
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
    key, token = json.loads(encryption.open(bytes(row.credentials), place(account)))
    return RemoteGateway(account, row.url, key, token)


def place(account: str) -> str:
    return f"gateway:{account}"
