"""Orders of another system, a JSON document each: imported one by one, or a file by a job.

A line that was imported before adds nothing, so whoever is cut short begins again anywhere.
"""

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.handling.deadlines import resume_timers
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.placement import numbers
from oms_ledger.orders.placement.decide import number_of_orders, place
from oms_ledger.orders.placement.importing import import_document, is_document
from oms_ledger.refusal import Refusal
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.jobs import jobs

LINES = 50  # of one step, and of one stored input
NAMED = 1000  # refused lines that are named


class ImportArguments(Arguments):
    """`resume` lets time move imported orders on."""

    resume: bool = False


@dataclass
class ImportReport:
    """What became of lines: imported, known before, refused with number and reason."""

    imported: int = 0
    known: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    async def add(
        self, cell: Cell, ctx: CommandContext, number: int, line: bytes, *, resume: bool
    ) -> str | None:
        """Import a line and note what became of it; why it was refused, if it was."""
        try:
            if await import_line(cell, ctx, line, resume=resume):
                self.imported += 1
            else:
                self.known += 1
        except (Refusal, ValueError) as error:
            self.refused.append({"line": number, "reason": str(error)})
            return str(error)
        return None

    def fields(self) -> dict[str, Any]:
        """As the job's result has it: numbers, and the refused lines in their order."""
        refused = sorted(self.refused, key=lambda one: int(one["line"]))
        return {"imported": self.imported, "known": self.known, "refused": refused}


def inputs_of(content: bytes) -> tuple[list[bytes], int]:
    """A body of JSON lines in the pieces that a job stores, and how many lines it has."""
    lines = content.splitlines(keepends=True)
    pieces = [b"".join(lines[at : at + LINES]) for at in range(0, len(lines), LINES)]
    return pieces, len(lines)


async def step(run: JobRun, arguments: ImportArguments) -> Step:
    """Import one stored piece. Lines that a killed process imported before are known then."""
    number = int(run.job.place.get("piece", 0))
    report = ImportReport(**run.job.place.get("report", {}))
    sealed = await run.cell.read(jobs.input_of, run.job.id, number)
    if sealed is None:
        total = run.job.total
        return Step(total or 0, total, result=report.fields())
    lines = run.open(sealed).splitlines()
    await asyncio.gather(
        *(
            report.add(run.cell, run.context, number * LINES + at, line, resume=arguments.resume)
            for at, line in enumerate(lines, 1)
            if line.strip()
        )
    )
    fields = report.fields()
    fields["refused"] = fields["refused"][:NAMED]
    done = number * LINES + len(lines)
    return Step(done, run.job.total, {"piece": number + 1, "report": fields})


async def import_line(cell: Cell, ctx: CommandContext, line: bytes, *, resume: bool) -> bool:
    """Whether the line added something; False when it was imported before."""
    document = orjson.loads(line)
    if not isinstance(document, dict):
        raise ValueError("a line must be a JSON object")
    try:
        if is_document(document):
            await _import_document(cell, ctx, document, resume=resume)
        else:
            await _place(cell, ctx, document, line)
    except KeyTaken:
        return False
    return True


async def _import_document(
    cell: Cell, ctx: CommandContext, document: dict[str, Any], *, resume: bool
) -> None:
    order_id, imported = import_document(document, resume=resume)
    key = Key(ctx.account, f"order:{order_id}", b"imported")
    try:
        await cell.ledger.place(ctx, {order_id: imported}, keys=[key])
    except KeyTaken:
        if resume:
            await cell.ledger.change(ctx, order_id, resume_timers)
        raise


def import_key(line: bytes) -> str:
    """Return the unique key of a purchase that was imported; its value is the order group."""
    return f"import:{hashlib.sha256(line.strip()).hexdigest()}"


async def _place(cell: Cell, ctx: CommandContext, body: dict[str, Any], line: bytes) -> None:
    """A purchase as it would come over HTTP; its payments stay pending."""
    account = ctx.account
    store, settings = cell.ledger, await cell.ledger.account(account)
    key = import_key(line)
    if await asyncio.to_thread(cell.store.key, account, key) is not None:
        raise KeyTaken(b"")
    allotted = await asyncio.to_thread(cell.sequences.allot, account, number_of_orders(body))
    group = numbers.order_group(
        allotted[0], settings.suffix, settings.setting("order_id_form"), secrets.randbelow(10**6)
    )
    transaction = secrets.token_hex(16).upper()
    orders = dict(
        place(
            body,
            order_group=group,
            sequences=allotted,
            transaction_id=transaction,
            new_id=lambda: secrets.token_hex(16).upper(),
            account=settings,
        )
    )
    keys = [
        Key(account, key, group.encode()),
        Key(account, f"group:{group}", json.dumps(list(orders)).encode()),
        Key(account, f"transaction:{transaction}", group.encode()),
        *(
            Key(account, f"payment:{payment.id}", group.encode())
            for payment in next(iter(orders.values())).payments
        ),
    ]
    # Together: an import that is cut short leaves no order that nobody processes.
    begin = partial(process_order, approved=frozenset[str]())
    await store.place(ctx, orders, keys=keys, then=begin)
