"""Whether all of the ledger agrees, page by page: the chain of seals, every view, configuration."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore import anchors
from oms_ledger.eventstore.integrity import IntegrityError, Walk, verify
from oms_ledger.eventstore.merkle import Tree
from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.ops.differences import Difference
from projections.ops.verify import count_orders, verify_page, verify_whole
from projections.ops.verify_configuration import verify_configuration

NAMED = 100  # differences that are named
SEALS, PAGES = 1000, 5  # seals, and pages of orders, in one step


class VerifyArguments(Arguments):
    """Nothing: all of it is verified."""


async def step(run: JobRun, arguments: VerifyArguments) -> Step:
    """One step: some links of the chain, or some orders of the views, or what is left."""
    return await asyncio.to_thread(_step, run.cell, run.job.done, dict(run.job.place))


def _step(cell: Cell, done: int, place: dict[str, Any]) -> Step:
    if not place:
        place = {
            "head": cell.store.head(),
            "orders": count_orders(cell.database),
            "sealedTo": 0,
            "previous": "",
            "size": 0,
            "peaks": [],
            "after": None,
            "differing": [],
        }
    total = place["head"] + place["orders"]
    if place["sealedTo"] < place["head"]:
        try:
            return _walk(cell, place, total)
        except IntegrityError as tampered:
            return Step(
                done,
                total,
                result={
                    "ok": False,
                    "head": place["head"],
                    "position": tampered.position,
                    "reason": tampered.reason,
                    "views": [],
                },
            )
    return _views(cell, done, place, total)


def _walk(cell: Cell, place: dict[str, Any], total: int) -> Step:
    tree = Tree(place["size"], [bytes.fromhex(one) for one in place["peaks"]])
    walk = Walk(place["sealedTo"], bytes.fromhex(place["previous"]), tree)
    position = next(
        verify(cell.store, place["head"], SEALS, anchors=anchors.kept(cell.database), walk=walk)
    )
    place |= {
        "sealedTo": position,
        "previous": walk.previous.hex(),
        "size": walk.tree.size,
        "peaks": [one.hex() for one in walk.tree.peaks],
    }
    return Step(position, total, place)


def _views(cell: Cell, done: int, place: dict[str, Any], total: int) -> Step:
    loader, differing = cell.loader(), list(place["differing"])
    after: int | None = place["after"] or 0
    for _ in range(PAGES):
        page = verify_page(cell.database, loader, after or 0)
        if page is None:
            after = None
            break
        after, count, found = page
        done += count
        differing += map(asdict, found)
    place |= {"after": after, "differing": differing[:NAMED]}
    if after is not None:
        return Step(min(done, total), total, place)
    differing += [asdict(one) for one in verify_whole(cell.database)]
    differing += _configuration(cell)
    first = min((one["position"] for one in differing if one["position"]), default=None)
    result = {"ok": not differing, "head": place["head"], "position": first, "reason": None}
    views = [
        {**one, "orderId": one.pop("order_id")}
        for one in sorted(differing, key=lambda one: int(one["position"]))[:NAMED]
    ]
    return Step(total, total, result={**result, "views": views})


def _configuration(cell: Cell) -> Iterator[dict[str, Any]]:
    for one in verify_configuration(cell.database, cell.loader()):
        difference = Difference(0, one.table, one.account, one.row)
        yield asdict(difference)
