"""What feeds and hooks can do beyond the original (contract 04 §8), under `/api/ledger/`.

Written once for every kind of destination that gets notifications: replay, dry run, explain and
dead letters. Positions are places in the whole ledger; instants are ISO 8601.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.roles import FEED_ADMIN, FULL, VIEW
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import ApiError, bad_request, forbidden, shown
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.notifications.filters import read_filter
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.notifications.filters import Filter, parse_filter
from oms_ledger.orders.instants import parse as parse_instant
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.jobs import runner
from oms_ledger.services.subscriptions import admin
from projections.subscriptions import pauses, presentation, registry
from projections.subscriptions.dead_letters import DeadLetters
from projections.subscriptions.dry_run import DryRun, dry_run
from projections.subscriptions.explain import explain
from projections.subscriptions.kinds import SubscriptionKind
from projections.subscriptions.sink import SubscriptionSink

LETTERS, LONGEST_PAGE = 100, 1000
SAMPLES, MOST_SAMPLES = 10, 100
REPORTS = 0.25  # seconds between the reports of a dry run
REST = 0.5  # of the time that a page of a dry run took
AT_ONCE = threading.BoundedSemaphore(2)
"""Dry runs that one process carries out at a time: they take turns with everything else."""

Endpoint = Callable[..., Any]
Position = Annotated[int, Path(ge=0, le=2**63 - 1)]


def router_of(kinds: Iterable[SubscriptionKind]) -> APIRouter:
    """The operations of these kinds."""
    router = APIRouter(tags=["Feed and hook, beyond the original"])
    for kind in kinds:
        _install(router, kind)
    return router


def _install(router: APIRouter, kind: SubscriptionKind) -> None:
    """The operations of one kind; their names in the table of resources begin with its own."""
    path = f"/api/ledger/{kind.name}"
    for method, place, made, operation in (
        ("POST", "replay", _replay, "replay"),
        ("POST", "dry-run", _dry_run, "dry_run"),
        ("POST", "explain", _explain, "explain"),
        ("GET", "dead-letters", _dead_letters, "dead_letters"),
        ("GET", "dead-letters/{position}", _dead_letter, "dead_letters"),
        ("POST", "dead-letters/requeue", _requeue, "requeue"),
        ("GET", "filter", _filter_state, "explain"),
        ("POST", "filter/resume", _filter_resume, "requeue"),
    ):
        permission = requires(f"{kind.name}_{operation}")
        router.add_api_route(
            f"{path}/{place}",
            made(kind, permission),
            methods=[method],
            name=f"{kind.name} {place}",
            operation_id=f"{kind.name}_{made.__name__.strip('_')}",
        )


def _replay(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def replay(request: Request, cell: TheCell, caller: May) -> Response:
        """Put the subscription back to a position or an instant, or produce one order again.

        Body: `since` (a position, or an instant), and `orderId` for one order alone, for which
        `since` may be left out. What is produced again is marked `replayed`. The answer names the
        job that follows the replay; see `GET /api/ledger/jobs/{job_id}`.
        """
        body = await _object(request)
        order_id = _text(body, "orderId")
        if order_id is None and body.get("since") is None:
            raise bad_request("since: found nothing, expected a position or an instant")

        sink = await asyncio.to_thread(_sink, kind, cell, caller)
        since = await asyncio.to_thread(_place, cell, body, "since") or 0
        if order_id is not None:
            count = await admin.replay_order(
                cell, caller.context, kind, sink, caller.app_key, order_id, since
            )
            return json_response({"orderId": order_id, "since": since, "produced": count})
        done, job = await admin.rewind(cell, caller.context, kind, caller.app_key, since)
        await asyncio.to_thread(runner.signal, cell, [job])
        return json_response({"since": done.since, "until": done.until, "job": job})

    return replay


def _dry_run(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def try_filter(request: Request, cell: TheCell, caller: May) -> Response:
        """What a filter would have produced since a position or an instant; nothing is kept.

        Body: `since`, and optionally `until`, `filter` (else the configured one) and `samples`.
        The answer is one JSON object a line as the run goes on, the last of them `"done": true`.
        """
        body = await _object(request)
        if body.get("since") is None:
            raise bad_request("since: found nothing, expected a position or an instant")
        samples = body.get("samples", SAMPLES)
        if type(samples) is not int or not 0 <= samples <= MOST_SAMPLES:
            raise bad_request(f"samples: expected a whole number from 0 to {MOST_SAMPLES}")
        view = _View(await cell.ledger.account(caller.account), caller, body)
        filter = await asyncio.to_thread(_filter, kind, cell, caller, body)
        since = await asyncio.to_thread(_place, cell, body, "since")
        until = await asyncio.to_thread(_place, cell, body, "until")
        if not AT_ONCE.acquire(blocking=False):
            message = "Two dry runs are under way in this process: try again in a moment"
            raise ApiError(429, "OMS429", message, {"Retry-After": "5"})

        def lines() -> Iterator[bytes]:
            try:
                run = dry_run(
                    cell.database,
                    cell.loader(),
                    caller.account,
                    filter,
                    since=since or 0,
                    until=until,
                    samples=samples,
                    masked=view.masked,
                )
                for report in presentation.now_and_then(_resting(run), REPORTS):
                    yield (
                        orjson.dumps(presentation.dry_run_progress(report, values=view.values))
                        + b"\n"
                    )
            finally:
                AT_ONCE.release()

        stream = lines()
        first = await asyncio.to_thread(next, stream)  # once begun, it gives its turn back
        return StreamingResponse(chain([first], stream), media_type="application/x-ndjson")

    return try_filter


def _resting(run: Iterator[DryRun]) -> Iterator[DryRun]:
    """Rests after each page, for others of this process need the interpreter too."""
    began = time.perf_counter()
    for report in run:
        took = time.perf_counter() - began
        yield report
        time.sleep(took * REST)
        began = time.perf_counter()


def _explain(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def explain_filter(request: Request, cell: TheCell, caller: May) -> Response:
        """What a filter says of each version of an order, why, and what it cost.

        Body: `orderId`, and optionally `filter` (else the configured one). The expression's
        values are shown to whoever may see the order; others learn whether they are true. In an
        account that masks they are those of the masked document.
        """
        body = await _object(request)
        order_id = _text(body, "orderId")
        if order_id is None:
            raise bad_request("orderId: found nothing, expected the id of an order")

        view = _View(await cell.ledger.account(caller.account), caller, body)

        def sinks() -> dict[str, Any]:
            filter = _filter(kind, cell, caller, body)
            explanation = list(
                explain(cell.loader(), caller.account, order_id, filter, masked=view.masked)
            )
            if not explanation:
                raise OrderNotFound()
            return {
                "orderId": order_id,
                **presentation.engine(filter),
                "versions": [presentation.version(one, values=view.values) for one in explanation],
            }

        return json_response(await asyncio.to_thread(sinks))

    return explain_filter


def _letters(kind: SubscriptionKind) -> DeadLetters:
    assert kind.of_keys is not None
    return kind.of_keys.letters


def _dead_letters(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def list_letters(request: Request, cell: TheCell, caller: May) -> Response:
        """What could not be delivered, by position.

        Query: `orderId` for one order's alone, `after`, `limit` (at most 1000).
        """
        order_id = request.query_params.get("orderId") or None
        subscription = kind.subscription_of(caller.app_key)
        after = whole_number(request, "after", 0, 2**63 - 1)
        limit = whole_number(request, "limit", LETTERS, LONGEST_PAGE, lowest=1)

        def page() -> dict[str, Any]:
            with cell.database.snapshot() as connection:
                letters_ = _letters(kind).page(connection, subscription, after, limit, order_id)
                count = _letters(kind).count(connection, subscription, order_id)
            following = letters_[-1].position if len(letters_) == limit else None
            sinks = [presentation.dead_letter(dead_letter) for dead_letter in letters_]
            return {"total": count, "deadLetters": sinks, "next": following}

        return json_response(await asyncio.to_thread(page))

    return list_letters


def _dead_letter(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def one_letter(position: Position, cell: TheCell, caller: May) -> Response:
        """One dead letter with its content."""
        subscription = kind.subscription_of(caller.app_key)

        def found() -> dict[str, Any]:
            with cell.database.snapshot() as connection:
                letters_ = _letters(kind).page(connection, subscription, position - 1, 1)
            if not letters_ or letters_[0].position != position:
                raise ApiError(404, "OMS404", f"This key has no dead letter at {position}")
            return {
                **presentation.dead_letter(letters_[0]),
                "content": json.loads(letters_[0].content),
            }

        return json_response(await asyncio.to_thread(found))

    return one_letter


def _requeue(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def requeue(request: Request, cell: TheCell, caller: May) -> Response:
        """Put dead letters back, as if they were new: `positions`, or `"all": true`.

        With `all`, `orderId` narrows them to one order's.
        """
        body = await _object(request)
        positions = body.get("positions")
        every = body.get("all") is True
        if every == (positions is not None):
            raise bad_request("The body: expected either positions or all, which is true")
        order_id = _text(body, "orderId")
        if order_id is not None and not every:
            raise bad_request("orderId: expected only with all, found positions")
        if not every and not (
            isinstance(positions, list)
            and 1 <= len(positions) <= LONGEST_PAGE
            and all(type(position) is int for position in positions)
        ):
            raise bad_request(f"positions: expected an array of 1 to {LONGEST_PAGE} positions")

        await asyncio.to_thread(_sink, kind, cell, caller)
        count = await admin.requeue(cell, caller.context, kind, caller.app_key, positions, order_id)
        return json_response({"requeued": count})

    return requeue


def _filter_state(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def get_filter_state(cell: TheCell, caller: May) -> Response:
        """Whether the filter goes on, or is paused because it ended the process that ran it."""
        return json_response(await asyncio.to_thread(_state_of, kind, cell, caller))

    return get_filter_state


def _filter_resume(kind: SubscriptionKind, permission: Any) -> Endpoint:
    May = Annotated[Caller, Depends(permission)]

    async def resume_filter(cell: TheCell, caller: May) -> Response:
        """Let a paused filter go on, with the event after the one that it failed on."""

        await admin.resume_filter(cell, caller.context, kind, caller.app_key)
        return json_response(await asyncio.to_thread(_state_of, kind, cell, caller))

    return resume_filter


def _state_of(kind: SubscriptionKind, cell: Cell, caller: Caller) -> dict[str, Any]:
    sinks = _sink(kind, cell, caller)
    with cell.database.snapshot() as connection:
        pause = pauses.get(connection, sinks.subscription)
    return presentation.filter_state(pause)


async def _object(request: Request) -> dict[str, Any]:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request("The body: expected an object")
    return body


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or (isinstance(value, str) and value):
        return value
    raise bad_request(f"{name}: found {shown(value)}, expected a text")


def _sink(kind: SubscriptionKind, cell: Cell, caller: Caller) -> SubscriptionSink:
    keys = kind.of_keys
    sinks = keys.open(cell.database, cell.encryption, caller.app_key) if keys else None
    if sinks is None:
        message = f"This key has no {kind.name}: configure one by POST"
        raise ApiError(404, "OMS404", f"{message} /api/orders/{kind.name}/config")
    return sinks


class _View:
    """How much of orders a caller's filter may look into, and how much of it is shown.

    A filter of the body is a question about every field, so it takes who may configure filters
    and see orders; in an account that masks it is put to the masked documents. The configured
    filter is evaluated as it is for the feed or hook.
    """

    def __init__(self, account: Account, caller: Caller, body: dict[str, Any]) -> None:
        requested, sees = body.get("filter") is not None, bool(caller.resources & {VIEW, FULL})
        if requested and FEED_ADMIN not in caller.resources:
            raise forbidden(frozenset({FEED_ADMIN}))
        if requested and not sees:
            raise forbidden(frozenset({VIEW, FULL}))
        masks = bool(account.setting("pii"))
        self.masked = requested and masks
        self.values = sees and (requested or not masks)


def _filter(kind: SubscriptionKind, cell: Cell, caller: Caller, body: dict[str, Any]) -> Filter:
    """The filter of the body, or else the one that is configured."""
    if body.get("filter") is None:
        return _sink(kind, cell, caller).filter_of.filter
    posted, _ = read_filter(body["filter"])
    return parse_filter(posted)


def _place(cell: Cell, body: dict[str, Any], name: str) -> int | None:
    """The position that a position or an instant stands for: of the last event before it."""
    value = body.get(name)
    if value is None:
        return None
    try:
        return presentation.place(cell.database, value, parse_instant)
    except ValueError:
        raise bad_request(
            f"{name}: found {shown(value)}, expected a position or an instant"
        ) from None


router = router_of(kind for kind, _ in registry.of_keys())
