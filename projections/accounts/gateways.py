"""Which remote payment gateway an account has; its secrets are stored encrypted."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from oms_ledger.eventstore.encryption import Encryption
from projections.tables import gateways as t


@dataclass(frozen=True, slots=True)
class RemoteGateway:
    """The gateway that an account has instead of the built-in one, its secrets in plain."""

    account: str
    url: str
    app_key: str
    app_token: str = field(repr=False)


def get(connection: Connection, account: str, encryption: Encryption) -> RemoteGateway | None:
    """The account's remote gateway; None where it has the built-in one."""
    row = connection.execute(select(t).where(t.c.account == account)).one_or_none()
    if row is None:
        return None
    key, token = json.loads(encryption.open(bytes(row.credentials), place(account)))
    return RemoteGateway(account, row.url, key, token)


def place(account: str) -> str:
    """What the credentials of a gateway are sealed for: they open in its row alone."""
    return f"gateway:{account}"
