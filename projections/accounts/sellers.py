"""The register of an account's sellers: who they are, and where those outside are reached.

Endpoints and credentials are stored encrypted: an endpoint's query may hold the seller's secret.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from oms_ledger.eventstore.encryption import Encryption
from projections.subscriptions.checkpoints import now_micros
from projections.tables import sellers as t


@dataclass(frozen=True, slots=True)
class Seller:
    """An entry of the register: `fields` as published, `secrets` the sealed ones.

    `outside`: whether it is no account of this deployment. `channels`: the affiliate of each of
    the account's sales channels.
    """

    account: str
    id: str
    outside: bool
    fields: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    channels: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return str(self.fields.get("name") or self.id)

    @property
    def is_active(self) -> bool:
        return self.fields.get("isActive") is not False

    @property
    def endpoint(self) -> str:
        """Where it takes orders: the base of the published paths; "" when nothing says."""
        return self.secrets.get("fulfillmentEndpoint", "")

    @property
    def changes_endpoint(self) -> str:
        """Where it is asked to agree to changes."""
        return self.secrets.get("changesEndpoint") or self.endpoint

    @property
    def app_key(self) -> str:
        return self.secrets.get("appKey", "")

    @property
    def app_token(self) -> str:
        return self.secrets.get("appToken", "")

    @property
    def user(self) -> str:
        return self.secrets.get("user", "")

    @property
    def password(self) -> str:
        return self.secrets.get("password", "")

    @property
    def shares_email(self) -> bool:
        """Whether it gets the client's e-mail instead of the order's alias."""
        return bool(self.fields.get("trustPolicy") == "AllowEmailSharing")

    @property
    def product_commission(self) -> Decimal:
        return self._commission("productCommissionPercentage")

    @property
    def freight_commission(self) -> Decimal:
        return self._commission("freightCommissionPercentage")

    def _commission(self, name: str) -> Decimal:
        """Per cent of what is sold; 0 when the register says none."""
        configured = self.fields.get("sellerCommissionConfiguration")
        for one in configured if isinstance(configured, list) else ():
            value = one.get(name) if isinstance(one, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                return Decimal(str(value))
        return Decimal(0)


def seller(
    connection: Connection, account: str, seller_id: str, encryption: Encryption
) -> Seller | None:
    """The entry of a seller; None when the register does not know it."""
    query = select(t).where(t.c.account == account, t.c.seller == seller_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _seller(row, encryption)


def of_account(connection: Connection, account: str, encryption: Encryption) -> list[Seller]:
    """The entries of an account in the order of their ids."""
    query = select(t).where(t.c.account == account).order_by(t.c.seller)
    return [_seller(row, encryption) for row in connection.execute(query)]


def outside(connection: Connection, account: str) -> set[str]:
    """The sellers of an account that are no accounts of this deployment."""
    query = select(t.c.seller).where(t.c.account == account, t.c.outside.is_(True))
    return set(connection.execute(query).scalars())


def save(connection: Connection, one: Seller, encryption: Encryption) -> None:
    """Add an entry, or put it in the place of the one that there is."""
    remove(connection, one.account, one.id)
    sealed = encryption.seal(json.dumps(one.secrets).encode(), _place(one.account, one.id))
    connection.execute(
        insert(t).values(
            account=one.account,
            seller=one.id,
            secrets=sealed,
            configured_at=now_micros(),
            outside=one.outside,
            body=json.dumps(one.fields),
            channels=json.dumps(one.channels),
        )
    )


def remove(connection: Connection, account: str, seller_id: str) -> bool:
    query = delete(t).where(t.c.account == account, t.c.seller == seller_id)
    return connection.execute(query).rowcount > 0


def _seller(row: Row[Any], encryption: Encryption) -> Seller:
    opened = json.loads(encryption.open(bytes(row.secrets), _place(row.account, row.seller)))
    if isinstance(opened, list):  # key and token, of before there was more
        key, token = opened
        url = row.unsealed_url
        opened = {"fulfillmentEndpoint": url, "appKey": key, "appToken": token}
    channels = tuple(json.loads(row.channels))
    return Seller(row.account, row.seller, row.outside, json.loads(row.body), opened, channels)


def _place(account: str, seller_id: str) -> str:
    return f"external-seller:{account}/{seller_id}"
