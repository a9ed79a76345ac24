"""`oms-ledger import`: orders from a file of JSON lines."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, errors, print_json, progress
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import KeyTaken
from oms_ledger.eventstore.records import Key
from oms_ledger.orders.handling.deadlines import resume_timers
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.placement import numbers
from oms_ledger.orders.placement.decide import number_of_orders, place
from oms_ledger.orders.placement.importing import import_document, is_document
from oms_ledger.refusal import Refusal

IN_FLIGHT = 64


def install(app: typer.Typer) -> None:
    app.command(name="import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl file.")],
    account: Annotated[str, typer.Option(help="The account the orders belong to.")] = "demo",
    resume: Annotated[
        bool,
        typer.Option(help="Let time move imported orders on: windows close, decisions fall due."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import orders, one JSON document a line, in the Get-order or the place-order shape.

    Orders in the Get-order shape rest where they stood until somebody moves them. With --resume
    their timers go on, also of those that were imported before.

    A line that cannot be imported is reported with its number and reason, and does not stop the
    rest. The command can be run again at any time: what is there already is not added twice.
    """
    cell = open_migrated()
    report = asyncio.run(import_file(cell, account, file, resume=resume))
    if as_json:
        print_json(report)
    else:
        typer.echo(
            f"{report['imported']} imported, {report['known']} known before,"
            f" {len(report['refused'])} refused."
        )
    if report["refused"]:
        raise typer.Exit(1)


async def import_file(
    cell: Cell, account: str, file: Path, *, resume: bool = False
) -> dict[str, Any]:
    """What became of the lines: imported, known before, refused with number and reason."""
    await cell.ledger.account(account)
    report: dict[str, Any] = {"imported": 0, "known": 0, "refused": []}
    room = asyncio.Semaphore(IN_FLIGHT)
    size = (await asyncio.to_thread(file.stat)).st_size
    with progress() as bar:
        task = bar.add_task("Importing bytes", total=size)

        async def one(number: int, line: bytes) -> None:
            try:
                added = await _import(cell, account, line, resume=resume)
                report["imported" if added else "known"] += 1
            except (Refusal, ValueError) as error:
                report["refused"].append({"line": number, "reason": str(error)})
                errors.print(f"line {number}: {error}", markup=False)
            finally:
                room.release()
                bar.advance(task, len(line))

        async with asyncio.TaskGroup() as group:
            for number, line in _lines(file):
                await room.acquire()
                group.create_task(one(number, line))
    report["refused"].sort(key=lambda refused: refused["line"])
    return report


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line


async def _import(cell: Cell, account: str, line: bytes, *, resume: bool) -> bool:
    """Whether the line added something; False when it was imported before."""
    document = orjson.loads(line)
    if not isinstance(document, dict):
        raise ValueError("a line must be a JSON object")
    try:
        if is_document(document):
            await _import_document(cell, account, document, resume=resume)
        else:
            await _place(cell, account, document, line)
    except KeyTaken:
        return False
    return True


async def _import_document(
    cell: Cell, account: str, document: dict[str, Any], *, resume: bool
) -> None:
    order_id, imported = import_document(document, resume=resume)
    key = Key(account, f"order:{order_id}", b"imported")
    try:
        await cell.ledger.place(CommandContext(account, "import"), {order_id: imported}, keys=[key])
    except KeyTaken:
        if resume:
            await cell.ledger.change(CommandContext(account, "import"), order_id, resume_timers)
        raise


def import_key(line: bytes) -> str:
    """Return the unique key of a purchase that was imported; its value is the order group."""
    return f"import:{hashlib.sha256(line.strip()).hexdigest()}"


async def _place(cell: Cell, account: str, body: dict[str, Any], line: bytes) -> None:
    """A purchase as it would come over HTTP; its payments stay pending."""
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
    await store.place(CommandContext(account, "import"), orders, keys=keys, then=begin)
