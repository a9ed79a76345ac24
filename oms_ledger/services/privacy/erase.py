"""Erasing a person at once: the job is carried on here until its end.

A process that is killed meanwhile leaves the job to the workers.
"""

from dataclasses import dataclass
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.order import Order
from oms_ledger.services.jobs import registry, runner
from oms_ledger.services.privacy.steps import ErasureArguments, Person, find


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was found and done; `outcome` is `erased`, `would be erased`, or `open`.

    An open order is skipped unless it is asked for: its goods could not be delivered any more.
    """

    id: str | None
    outcomes: tuple[tuple[Order, str], ...]
    carts: int = 0
    """Carts of the person, which are deleted with their keys."""
    documents: tuple[tuple[str, str], ...] = ()
    """Of a dry run: entity and id of documents that hold the person's e-mail or number."""
    documents_erased: int = 0

    @property
    def erased(self) -> int:
        """How many orders were erased."""
        return sum(outcome == "erased" for _, outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """As the command and the job's result show it."""
        return {
            "id": self.id,
            "dryRun": self.id is None,
            "found": len(self.outcomes),
            "erased": self.erased,
            "carts": self.carts,
            "documents": [{"entity": entity, "id": one} for entity, one in self.documents],
            "documentsErased": self.documents_erased,
            "open": sum(outcome == "open" for _, outcome in self.outcomes),
            "orders": [
                {
                    "orderId": order.order_id,
                    "status": None if order.status is None else str(order.status),
                    "outcome": outcome,
                }
                for order, outcome in self.outcomes
            ],
        }


async def erase(
    cell: Cell,
    ctx: CommandContext,
    person: Person,
    *,
    dry_run: bool,
    include_open: bool,
    include_documents: bool = False,
) -> Erasure:
    """Find the person's orders and, unless it is a dry run, erase the person from them.

    The person's user tokens end with it. Done again it finds nothing more to erase.
    """
    if dry_run:
        found = await find(cell, ctx.account, person, include_open=include_open)
        outcomes = [
            *((order, "would be erased") for order in found.chosen),
            *((order, "open") for order in found.left),
        ]
        return Erasure(None, tuple(outcomes), found.carts, tuple(found.documents))
    await cell.ledger.account(ctx.account)  # refuses one that does not exist
    arguments = ErasureArguments(
        kind=person.kind,  # type: ignore[arg-type]
        value=person.value,
        include_open=include_open,
        include_documents=include_documents,
    )
    job_id = await runner.ask(cell, ctx, registry.KINDS["erasure"], arguments)
    result = (await runner.finish(cell, job_id)).result or {}

    async def order(order_id: str) -> Order:
        return await cell.ledger.order(ctx.account, order_id)

    outcomes = [
        *[(await order(order_id), "erased") for order_id in result["orders"]],
        *[(await order(order_id), "open") for order_id in result["open"]],
    ]
    return Erasure(result["erasureId"], tuple(outcomes), result["carts"], (), result["documents"])
