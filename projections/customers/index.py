"""The people of orders, by keyed hashes of e-mail and document: to find them, not to read them.

A hash is made with the deployment's secret, so the table says nobody anything; once a person is
erased, the order has no row here either.
"""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.privacy.erase import names_of, spelled
from projections.tables import customer_index as t

SUBSCRIPTION = "customer-index"

_TELLING = {
    stored_name(event)
    for event in (
        events.OrderPlaced,
        events.OrderImported,
        events.ChangeApplied,
        events.PersonErased,
    )
}
_DELETE = delete(t).where(t.c.account == bindparam("a"), t.c.order_id == bindparam("o"))


class People:
    """Destination of the subscription `people`."""

    view_version = 0

    def produce(self, page: Page) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """The rows of each order that the page says something new about, by account and order."""
        streams = {row.stream for row in page.rows if row.name in _TELLING}
        fields: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for step in page.transitions_of(streams):
            if isinstance(order := step.after.state, Order):
                rows = rows_of(order, step.after.version, page.loader.encryption)
                fields[order.account, order.order_id] = rows
        return fields

    def store(self, connection: Connection, produced: object) -> None:
        """Put the rows of an order in the place of all that it had."""
        assert isinstance(produced, dict)
        if not produced:
            return
        connection.execute(_DELETE, [{"a": a, "o": o} for a, o in produced])
        rows = [row for of_order in produced.values() for row in of_order]
        if rows:
            connection.execute(insert(t), rows)


def rows_of(order: Order, version: int, encryption: Encryption) -> list[dict[str, Any]]:
    """The rows that an order has here."""
    place = {"account": order.account, "order_id": order.order_id}
    names = sorted(names_of(order.placed.client_profile))
    return [place | {"name": person_hash(encryption, order.account, *name)} for name in names]


def person_hash(encryption: Encryption, account: str, kind: str, value: str) -> str:
    """The keyed hash of a person in an account; `kind` is `email` or `document`."""
    return encryption.sign(f"person:{account}:{kind}:{value}")


def person_of(encryption: Encryption, account: str, kind: str, value: str) -> str:
    """The keyed hash that an e-mail (`kind` is `email`) or a document goes by."""
    return person_hash(encryption, account, kind, spelled(kind, value))


def count(connection: Connection, account: str, person: str) -> int:
    """How many orders are a person's."""
    query = select(func.count()).where(t.c.account == account, t.c.name == person)
    return int(connection.execute(query).scalar_one())


def orders_of(
    connection: Connection, encryption: Encryption, account: str, kind: str, value: str
) -> list[str]:
    """The orders of an e-mail (`kind` is `email`) or a document."""
    name = person_hash(encryption, account, kind, spelled(kind, value))
    query = select(t.c.order_id).where(t.c.account == account, t.c.name == name)
    return list(connection.execute(query.order_by(t.c.order_id)).scalars())
