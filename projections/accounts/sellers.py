"""The register of an account's sellers: who they are, and where those outside are reached.

Endpoints and credentials are stored encrypted: an endpoint's query may hold the seller's secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, select

from oms_ledger.accounts.registers import SellerItem
from oms_ledger.eventstore.encryption import Encryption
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
        """Its own name, else its id."""
        return str(self.fields.get("name") or self.id)

    @property
    def is_active(self) -> bool:
        """Whether orders may be placed at it; they may where the entry says nothing."""
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
        """By what we come to the seller; empty where it asks for no key."""
        return self.secrets.get("appKey", "")

    @property
    def app_token(self) -> str:
        """The token of `app_key`."""
        return self.secrets.get("appToken", "")

    @property
    def user(self) -> str:
        """By whom we come to the seller; empty where it asks for no user."""
        return self.secrets.get("user", "")

    @property
    def password(self) -> str:
        """The password of `user`."""
        return self.secrets.get("password", "")

    @property
    def shares_email(self) -> bool:
        """Whether it gets the client's e-mail instead of the order's alias."""
        return bool(self.fields.get("trustPolicy") == "AllowEmailSharing")

    @property
    def product_commission(self) -> Decimal:
        """What the marketplace keeps of the goods' price, in per cent."""
        return self._commission("productCommissionPercentage")

    @property
    def freight_commission(self) -> Decimal:
        """What the marketplace keeps of the freight, in per cent."""
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


def upgraded(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry of before there was more than an address, a key and a token."""
    opened = json.loads(row["secrets"]) if row["unsealed_url"] is not None else None
    if not isinstance(opened, list):
        return row
    key, token = opened
    secrets = {"fulfillmentEndpoint": row["unsealed_url"], "appKey": key, "appToken": token}
    return {**row, "secrets": json.dumps(secrets), "unsealed_url": None}


def of_item(account: str, item: SellerItem) -> Seller:
    """The entry of a seller as the account's events made it."""
    return Seller(account, item.seller, item.outside, item.body, item.secrets, item.channels)


def _seller(row: Row[Any], encryption: Encryption) -> Seller:
    opened = json.loads(encryption.open(bytes(row.secrets), place(row.account, row.seller)))
    channels = tuple(json.loads(row.channels))
    return Seller(row.account, row.seller, row.outside, json.loads(row.body), opened, channels)


def place(account: str, seller_id: str) -> str:
    """What the endpoints and credentials of a seller are sealed for: they open in its row alone."""
    return f"external-seller:{account}/{seller_id}"
