"""Writes carts in common transactions: what waits while one is on its way makes the next."""

from collections.abc import Sequence

from oms_ledger.eventstore.batch_writer import BatchWriter
from oms_ledger.eventstore.database import Database
from projections.carts import store
from projections.carts.store import CartWrite

MOST = 100


class CartWriter:
    """Used from one loop; writes in a thread of its own.

    A cart is no order: on SQLite a written one outlives every process, but not a power cut of the
    same moment. Then it is as it was some moments before.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer: BatchWriter[CartWrite, bool] = BatchWriter(
            "carts", self._together, MOST, lambda write: (write.id,), alone=True
        )

    async def write(self, write: CartWrite) -> bool:
        """Write a cart; False when somebody else wrote it since it was read."""
        return await self._writer.put(write)

    def close(self) -> None:
        self._writer.close()

    def _together(self, writes: Sequence[CartWrite]) -> list[bool]:
        """Rows are locked in the order of ids, so that two processes never wait for each other."""
        if len(writes) == 1 and store.is_one_statement(writes[0]):
            with self._database.writing_once(outlives_power=False) as connection:
                return [store.carry_out(connection, writes[0])]
        outcomes: dict[str, bool] = {}
        with self._database.writing(outlives_power=False) as connection:
            for write in sorted(writes, key=lambda one: one.id):
                outcomes[write.id] = store.carry_out(connection, write)
        return [outcomes[write.id] for write in writes]
