"""The register of an account's affiliates: marketplaces and connectors that place orders here.

Their endpoints are stored encrypted.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from oms_ledger.eventstore.encryption import Encryption
from projections.tables import affiliates as t


@dataclass(frozen=True, slots=True)
class Affiliate:
    """An entry of the register: `fields` as published, `secrets` the sealed ones."""

    account: str
    id: str
    fields: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """Its own name, else its id."""
        return str(self.fields.get("name") or self.id)

    @property
    def connector_name(self) -> str | None:
        """The connector that integrates for it; None where nobody does."""
        name = self.fields.get("connectorName")
        return name if isinstance(name, str) and name else None

    @property
    def connector_endpoint(self) -> str | None:
        """Where results of integration are sent; None where nowhere."""
        return self.secrets.get("connectorEndpoint")

    @property
    def minimum_value(self) -> int:
        """Cents that an order of this affiliate is worth at least."""
        value = self.fields.get("minimumValueAccumulated")
        return value if isinstance(value, int) else 0


def affiliate(
    connection: Connection, account: str, affiliate_id: str, encryption: Encryption
) -> Affiliate | None:
    """The entry of an affiliate; None when the register does not know it."""
    query = select(t).where(t.c.account == account, t.c.affiliate == affiliate_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _affiliate(row, encryption)


def of_account(connection: Connection, account: str, encryption: Encryption) -> list[Affiliate]:
    """The entries of an account in the order of their ids."""
    query = select(t).where(t.c.account == account).order_by(t.c.affiliate)
    return [_affiliate(row, encryption) for row in connection.execute(query)]


def _affiliate(row: Row[Any], encryption: Encryption) -> Affiliate:
    secrets = json.loads(encryption.open(bytes(row.secrets), place(row.account, row.affiliate)))
    return Affiliate(row.account, row.affiliate, json.loads(row.body), secrets)


def place(account: str, affiliate_id: str) -> str:
    """What the endpoints of an affiliate are sealed for: they open in its row alone."""
    return f"affiliate:{account}/{affiliate_id}"
