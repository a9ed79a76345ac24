"""Reads, works out and writes carts together: what waits meanwhile makes the next visit.

One statement reads all carts of a visit and one transaction writes them, so sixteen shoppers at
once cost the database, and the threads, about what one does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from oms_ledger.cell import Cell
from oms_ledger.eventstore.batch_writer import BatchWriter
from projections.carts import store
from projections.carts.store import CartWrite, StoredCart

MOST = 32
T = TypeVar("T")
Work = Callable[[StoredCart | None], tuple[T, CartWrite | None]]
"""An answer out of the cart as it is stored, None where there is none, and what to write first."""


@dataclass(frozen=True, slots=True)
class _Visit:
    account: str
    cart_id: str
    work: Work[Any]
    reads: bool = True


class CartVisits:
    """Used from one loop; works in a thread of its own.

    A cart is no order: on SQLite a written one outlives every process, but not a power cut of the
    same moment. Then it is as it was some moments before.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._queue: BatchWriter[_Visit, tuple[Any, bool]] = BatchWriter(
            "carts", self._together, MOST, lambda visit: (visit.cart_id,)
        )

    async def visit(self, account: str, cart_id: str, work: Work[T]) -> tuple[T, bool]:
        """The answer to a cart, and whether it holds: False when another write came first."""
        return await self._queue.put(_Visit(account, cart_id, work))

    async def write(self, write: CartWrite) -> bool:
        """Write a cart; False when somebody else wrote it since it was read."""
        visit = _Visit(write.account, write.id, lambda _: (None, write), reads=False)
        return (await self._queue.put(visit))[1]

    def close(self) -> None:
        """Write the visits that wait."""
        self._queue.close()

    def read(self, account: str, cart_id: str) -> StoredCart | None:
        """The cart as it is now, beside all visits; None when there is none of the account."""
        found = self._stored([cart_id]).get(cart_id)
        return found if found is not None and found.cart.account == account else None

    def _together(self, visits: Sequence[_Visit]) -> list[tuple[Any, bool] | Exception]:
        stored = self._stored([visit.cart_id for visit in visits if visit.reads])
        outcomes: list[tuple[Any, bool] | Exception] = []
        writes: dict[int, CartWrite] = {}
        for place, visit in enumerate(visits):
            found = stored.get(visit.cart_id)
            if found is not None and found.cart.account != visit.account:
                found = None
            try:
                answer, write = visit.work(found)
            except Exception as error:  # noqa: BLE001 - its caller gets it, and nobody else
                outcomes.append(error)
                continue
            outcomes.append((answer, True))
            if write is not None:
                writes[place] = write
        for place, written in self._written(writes).items():
            if not written:
                outcomes[place] = (None, False)
        return outcomes

    def _stored(self, cart_ids: Sequence[str]) -> dict[str, StoredCart]:
        if not cart_ids:
            return {}
        cell, now = self._cell, self._cell.clock.micros()
        with cell.database.reading() as connection:
            found = store.get(connection, cell.encryption, cart_ids, now)
        return {one.cart.id: one for one in found}

    def _written(self, writes: dict[int, CartWrite]) -> dict[int, bool]:
        """Rows are locked in the order of ids, so that two processes never wait for each other."""
        database = self._cell.database
        if not writes:
            return {}
        if len(writes) == 1:
            ((place, write),) = writes.items()
            if store.is_one_statement(write):
                with database.writing_once(outlives_power=False) as connection:
                    return {place: store.carry_out(connection, write)}
        with database.writing(outlives_power=False) as connection:
            return {
                place: store.carry_out(connection, write)
                for place, write in sorted(writes.items(), key=lambda one: one[1].id)
            }
