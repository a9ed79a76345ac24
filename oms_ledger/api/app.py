"""Builds the web application out of the routers, with addressing around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from oms_ledger.api import (
    actions,
    calls,
    cancellations,
    chains,
    changes,
    checkout,
    conversation,
    erasures,
    errors,
    explaining,
    exports,
    expressions,
    feed,
    fulfillment,
    health,
    hook,
    hook_beyond,
    invoices,
    lists,
    modifications,
    orders,
    past,
    processing,
    repeats,
    reselling,
    sign_in,
    stream,
    tasks,
    told,
    transactions,
    user_orders,
)
from oms_ledger.api.addressing import Addressing
from oms_ledger.api.dependencies import Doorkeeper, open_to_all
from oms_ledger.api.freshness import Freshness
from oms_ledger.api.limits import Limits
from oms_ledger.api.news import News
from oms_ledger.api.repeats import Repeats
from oms_ledger.api.timing import Timing
from oms_ledger.wiring import Cell, open_cell
from projections import order_views
from projections import tasks as desk
from workers import interpreter
from workers.reporting import Reporter

ROUTERS = (
    checkout,
    chains,
    processing,
    fulfillment,
    reselling,
    lists,
    user_orders,
    exports,
    transactions,
    orders,
    actions,
    invoices,
    cancellations,
    conversation,
    changes,
    modifications,
    feed,
    hook,
    hook_beyond,
    told,
    expressions,
    past,
    explaining,
    stream,
    erasures,
    calls,
    tasks,
    sign_in,
    health,
)


def build(cell: Cell) -> ASGIApp:
    """The application of one cell; whoever opened the cell closes it."""
    app = application(cell)
    paths = [route.path for route in routes_of(app)]
    return Addressing(Timing(Repeats(app)), paths, cell.settings.body_limit)


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Every route with an endpoint of ours; an included router keeps its own to itself."""
    told = [*app.routes, *(route for module in ROUTERS for route in module.router.routes)]
    return [route for route in told if isinstance(route, APIRoute) and route.path != "/"]


def application(cell: Cell) -> FastAPI:
    """The routes alone, with nothing around them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.news.close_on_signals()
        yield
        cell.close()

    app = FastAPI(
        title="oms-ledger",
        description="Event-sourced orders over the VTEX OMS HTTP API. Money is integer cents.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.cell = cell
    app.state.doorkeeper = Doorkeeper(cell)
    app.state.freshness = Freshness(cell, order_views.CURSOR)
    app.state.desk = Freshness(cell, desk.CURSOR)
    app.state.limits = Limits(cell)
    app.state.news = News(lambda: cell.store.head())
    for module in ROUTERS:
        app.include_router(module.router)
    app.add_api_route(
        "/",
        lambda: RedirectResponse("/docs"),
        include_in_schema=False,
        dependencies=[Depends(open_to_all("documentation"))],
    )
    errors.install(app)
    described = app.openapi
    app.openapi = lambda: repeats.describe(described())  # type: ignore[method-assign]
    return app


def create() -> ASGIApp:
    """What a web process serves: the cell of the environment."""
    cell = open_cell()
    cell.require_tables()
    Reporter(cell.database, "web")
    app = build(cell)
    interpreter.settle()
    return app
