"""For the one on call: is it alive, is it ready and if not why, and the figures."""

import asyncio
import errno
import hmac
from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer

import redis
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException

from oms_ledger.api.auth.dependencies import TheCell, public_route
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.services import metrics as services_metrics
from oms_ledger.services import signals
from projections.ops import metrics as ops_metrics
from projections.ops.metric import Metric

router = APIRouter(tags=["Health"], dependencies=[Depends(public_route("health"))])


@router.get("/healthz")
async def healthz() -> Response:
    """Answer while the process lives; it says nothing of the database."""
    return json_response({"status": "alive"})


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when orders can be taken; Redis being away delays feeds and hooks, but stops no order."""
    state = await request.app.state.readiness.state()
    status = "not ready" if state.reasons else "ready"
    body = {"status": status, "reasons": state.reasons, "notes": state.notes}
    return json_response(body, 503 if state.reasons else 200)


@router.get("/metrics")
async def metrics(request: Request, cell: TheCell) -> Response:
    """The metrics, for who has the deployment's token; for others there is no such path."""
    require_deployment_token(request, cell)
    return Response(await asyncio.to_thread(_metrics, cell), media_type=CONTENT_TYPE_LATEST)


def require_deployment_token(request: Request, cell: Cell) -> None:
    """Let in who sends OMS_METRICS_TOKEN; for others there is no such path."""
    token, given = cell.settings.metrics_token, request.headers.get("authorization", "")
    if token is None or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise HTTPException(404)


def _metrics(cell: Cell) -> bytes:
    return generate_latest(_registry(cell))


def _registry(cell: Cell) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Everything(cell))
    return registry


def listen_for_scrapes(cell: Cell) -> WSGIServer | None:
    """Serve the metrics on their own port, if there is one; one web process of a machine does."""
    settings = cell.settings
    if settings.metrics_port is None:
        return None
    try:
        server, _ = start_http_server(settings.metrics_port, settings.metrics_host, _registry(cell))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return server


class _Everything(Collector):
    """What the database knows, and what every process says of itself."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def collect(self) -> Iterator[Family]:
        cell = self._cell
        head = cell.store.head()
        with cell.database.snapshot() as connection:
            known = ops_metrics.collect_metrics(connection, head, cell.clock.micros())
            own = services_metrics.of_all(connection, "web", cell.clock.micros())
        yield from (_metric(sample) for sample in [*known, *_redis(cell)])
        yield from own


def _metric(sample: Metric) -> Family:
    kind = CounterMetricFamily if sample.counter else GaugeMetricFamily
    metric = kind(sample.name, sample.about, labels=sample.labels)
    for labels, value in sample.values.items():
        metric.add_metric(labels, value)
    return metric


def _redis(cell: Cell) -> Iterator[Metric]:
    up = Metric("oms_redis_up", "Whether Redis answers")
    queued = Metric("oms_signals_queued", "Signals that no worker has taken yet", ("queue",))
    try:
        for name in (signals.QUEUE, signals.SLOW):
            queued.put(signals.queue(cell.redis, name).count, name)
        up.put(1)
    except redis.RedisError:
        up.put(0)
    yield from (up, queued)
