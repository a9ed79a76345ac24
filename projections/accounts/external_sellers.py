"""Sellers outside the deployment: where an account's are reached; secrets are stored encrypted."""

import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from oms_ledger.eventstore.encryption import Encryption
from projections.subscriptions.checkpoints import now_micros
from projections.tables import external_sellers as t


@dataclass(frozen=True, slots=True)
class ExternalSeller:
    account: str
    seller: str
    url: str
    app_key: str
    app_token: str = field(repr=False)


def get(
    connection: Connection, account: str, seller: str, encryption: Encryption
) -> ExternalSeller | None:
    query = select(t).where(t.c.account == account, t.c.seller == seller)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    key, token = json.loads(encryption.open(bytes(row.credentials), _place(account, seller)))
    return ExternalSeller(account, seller, row.url, key, token)


def addresses(connection: Connection, account: str) -> dict[str, str]:
    """The account's external sellers and their addresses."""
    query = select(t.c.seller, t.c.url).where(t.c.account == account).order_by(t.c.seller)
    return {seller: url for seller, url in connection.execute(query)}


def configure(connection: Connection, one: ExternalSeller, encryption: Encryption) -> None:
    """Set or replace where a seller is reached."""
    secrets = json.dumps([one.app_key, one.app_token]).encode()
    remove(connection, one.account, one.seller)
    connection.execute(
        insert(t).values(
            account=one.account,
            seller=one.seller,
            url=one.url,
            credentials=encryption.seal(secrets, _place(one.account, one.seller)),
            configured_at=now_micros(),
        )
    )


def remove(connection: Connection, account: str, seller: str) -> bool:
    query = delete(t).where(t.c.account == account, t.c.seller == seller)
    return connection.execute(query).rowcount > 0


def _place(account: str, seller: str) -> str:
    return f"external-seller:{account}/{seller}"
