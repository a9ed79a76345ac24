"""What a view has otherwise than the ledger, and how rows are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A view that has something else for an order than its events up to `position` amount to.

    `order_id` of a document is its entity and id.
    """

    position: int
    view: str
    account: str
    order_id: str


def comparable(rows: Rows) -> list[list[tuple[str, Any]]]:
    """Rows in a form that is equal when they are, whatever their order and database."""

    def plain(value: Any) -> Any:
        return bytes(value) if isinstance(value, memoryview) else value

    return sorted(
        ([(name, plain(value)) for name, value in sorted(row.items())] for row in rows), key=repr
    )
