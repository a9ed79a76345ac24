"""For the one on call: is it alive, is it ready and if not why, and the figures."""

import asyncio

import redis
from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client import REGISTRY as PROCESS
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from oms_ledger.api.dependencies import TheCell, open_to_all
from oms_ledger.api.orders import json_response
from oms_ledger.wiring import Cell
from projections import calls, cursors, pushes
from projections.tables import dead_letters, feed_items

router = APIRouter(tags=["Health"], dependencies=[Depends(open_to_all("health"))])


@router.get("/healthz")
async def healthz() -> Response:
    return json_response({"status": "alive"})


@router.get("/readyz")
async def readyz(cell: TheCell) -> Response:
    """200 when orders can be taken; Redis being away is told, but stops no order."""
    reasons, notes = await asyncio.to_thread(_state, cell)
    status = "ready" if not reasons else "not ready"
    body = {"status": status, "reasons": reasons, "notes": notes}
    return json_response(body, 503 if reasons else 200)


def _state(cell: Cell) -> tuple[list[str], list[str]]:
    reasons, notes = [], []
    try:
        cell.store.head()
    except SQLAlchemyError as error:
        reasons.append(f"the database does not answer: {type(error).__name__}")
    try:
        cell.redis.ping()
    except redis.RedisError as error:
        notes.append(f"redis is away ({type(error).__name__}): feeds and hooks wait for the sweep")
    return reasons, notes


@router.get("/metrics")
async def metrics(cell: TheCell) -> Response:
    return Response(await asyncio.to_thread(_figures, cell), media_type=CONTENT_TYPE_LATEST)


def _figures(cell: Cell) -> bytes:
    registry = CollectorRegistry()
    head = cell.store.head()
    Gauge("oms_ledger_head", "Last position of the ledger", registry=registry).set(head)
    lag = Gauge("oms_cursor_lag", "Entries a cursor is behind", ["cursor"], registry=registry)
    items = Gauge("oms_feed_items", "Items stored", ["app_key"], registry=registry)
    owed = Gauge("oms_deliveries_owed", "Notices owed", ["app_key"], registry=registry)
    dead = Gauge("oms_dead_letters", "Dead letters", registry=registry)
    owing = Gauge("oms_calls", "Calls not settled", ["kind", "state"], registry=registry)
    with cell.database.reading() as connection:
        for (kind, state), count in calls.counted(connection).items():
            owing.labels(kind, state).set(count)
        for cursor, position in cursors.positions(connection).items():
            if cursor != "clock":
                lag.labels(cursor).set(head - position)
        counted = select(feed_items.c.app_key, func.count()).group_by(feed_items.c.app_key)
        for key, count in connection.execute(counted):
            items.labels(key).set(count)
        for key, count in pushes.owed(connection).items():
            owed.labels(key).set(count)
        dead.set(connection.execute(select(func.count()).select_from(dead_letters)).scalar_one())
    return generate_latest(registry) + generate_latest(PROCESS)
