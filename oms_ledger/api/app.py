"""Builds the web application out of the routers, with addressing around it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from oms_ledger.api.accounts import account, keys
from oms_ledger.api.auth import sign_in
from oms_ledger.api.auth.dependencies import operation_of, public_route
from oms_ledger.api.auth.failed_credentials import FailedCredentials
from oms_ledger.api.auth.key_cache import ApiKeyCache
from oms_ledger.api.auth.rate_limit import Limits
from oms_ledger.api.carts import (
    attachments,
    configuration,
    custom_data,
    items,
    listing,
    order_form,
    places,
    simulation,
    transaction,
)
from oms_ledger.api.changes import v1 as changes_v1
from oms_ledger.api.changes import v2 as changes_v2
from oms_ledger.api.checkout import pages as checkout_pages
from oms_ledger.api.checkout import placement, processing
from oms_ledger.api.conversation import incoming
from oms_ledger.api.conversation import templates as mail_templates
from oms_ledger.api.customers import people
from oms_ledger.api.desk import notes, tasks
from oms_ledger.api.exports import exports
from oms_ledger.api.history import (
    changes as order_changes,
)
from oms_ledger.api.history import (
    erasures,
    history,
    outbox,
    stream,
    why_not,
)
from oms_ledger.api.http import errors
from oms_ledger.api.http.dispatch import Api
from oms_ledger.api.jobs import jobs
from oms_ledger.api.marketplace import (
    affiliates,
    chains,
    change_seller,
    fulfillment,
    order_integration,
    partner_cancellations,
    sellers,
)
from oms_ledger.api.masterdata import documents, schemas, search, triggers, versions
from oms_ledger.api.notifications import (
    expressions,
    feed,
    hook,
    hook_admin,
    of_key,
    order_deliveries,
    subscription_admin,
)
from oms_ledger.api.offers import table as offers_table
from oms_ledger.api.operators import operators, runs
from oms_ledger.api.ops import attention, health, system
from oms_ledger.api.orders import (
    actions,
    cancellation,
    conversation,
    find,
    invoices,
    lists,
    user_orders,
)
from oms_ledger.api.orders import (
    documents as orders_documents,
)
from oms_ledger.api.payments import transactions
from oms_ledger.api.policies import authorizations, dimensions
from oms_ledger.cell import Cell
from oms_ledger.eventstore.head_watcher import HeadWatcher
from oms_ledger.services.accounts.access_log import AccessLog
from oms_ledger.services.carts.workspace import Carts
from oms_ledger.services.fair_threads import FairThreads
from oms_ledger.services.freshness import Freshness
from oms_ledger.services.loop_watchdog import LoopWatchdog
from oms_ledger.services.readiness import Readiness
from oms_ledger.services.replica import Replica
from projections.customers import index as people_index
from projections.desk import tasks as desk_tasks
from projections.masterdata import documents as masterdata
from projections.orders import views
from projections.outbox import messages
from projections.outbox.of_orders import OutboxProjection

READERS = 12
"""Threads that wait for the database with reads, which accounts take in turns.

Appends and `/readyz` have their own.
"""

TITLE = "oms-ledger"
ABOUT = "Event-sourced orders over the VTEX OMS HTTP API. Money is integer cents."

ROUTERS = (
    placement,
    simulation,
    order_form,
    items,
    attachments,
    custom_data,
    transaction,
    configuration,
    places,
    listing,
    offers_table,
    chains,
    processing,
    fulfillment,
    partner_cancellations,
    order_integration,
    change_seller,
    sellers,
    affiliates,
    lists,
    user_orders,
    exports,
    transactions,
    orders_documents,
    actions,
    invoices,
    cancellation,
    conversation,
    changes_v1,
    changes_v2,
    feed,
    hook,
    hook_admin,
    subscription_admin,
    expressions,
    history,
    order_changes,
    order_deliveries,
    find,
    people,
    account,
    keys,
    operators,
    runs,
    of_key,
    attention,
    system,
    why_not,
    stream,
    erasures,
    jobs,
    outbox,
    tasks,
    notes,
    documents,
    search,
    versions,
    schemas,
    triggers,
    mail_templates,
    incoming,
    dimensions,
    authorizations,
    sign_in,
    health,
)


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Every route with an endpoint of ours; an included router keeps its own to itself."""
    subscription_admin = [
        *app.routes,
        *(route for module in ROUTERS for route in module.router.routes),
    ]
    return [
        route for route in subscription_admin if isinstance(route, APIRoute) and route.path != "/"
    ]


def operations_of(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Method, path template and operation of every route."""
    for route in routes_of(app):
        operation = operation_of(route.dependant)
        for method in sorted(route.methods or ()):
            yield method, route.path, operation


def _serve_description(app: FastAPI) -> None:
    """Give the application its OpenAPI description and its page, made at the first request."""

    @cache
    def schema() -> dict[str, Any]:
        # Its data is imported when somebody asks, not at every start.
        from oms_ledger.api.description.compose import describe

        return describe(TITLE, ABOUT, routes_of(app))

    @cache
    def body() -> bytes:
        return orjson.dumps(schema())

    @cache
    def page() -> tuple[bytes, dict[str, str]]:
        from oms_ledger.api.description.page import HEADERS, render

        return render(schema()), HEADERS

    async def answer(_: Request) -> Response:
        return Response(await asyncio.to_thread(body), media_type="application/json")

    async def show(_: Request) -> Response:
        content, headers = await asyncio.to_thread(page)
        return HTMLResponse(content, headers=headers)

    app.openapi = schema  # type: ignore[method-assign]
    app.add_route("/openapi.json", answer, include_in_schema=False)
    app.add_route("/docs", show, include_in_schema=False)
    for path in (checkout_pages.ORDER_PLACED, checkout_pages.CHECKOUT):
        app.add_route(path.rstrip("/"), checkout_pages.show, include_in_schema=False)


def application(cell: Cell) -> Api:
    """The routes alone, with nothing around them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(FairThreads(READERS, "reads"))
        app.state.news.close_on_signals()
        watchdog = LoopWatchdog()
        yield
        watchdog.close()
        app.state.news.close()
        app.state.readiness.close()
        app.state.replica.close()
        app.state.carts.close()
        await cell.partner_clients.close()
        cell.close()

    app = Api(
        title=TITLE,
        description=ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # its pages load scripts of other hosts
    )
    app.state.cell = cell
    app.state.api_keys = ApiKeyCache(cell)
    app.state.replica = Replica(cell)
    app.state.freshness = Freshness(cell, views.SUBSCRIPTION, replica=app.state.replica)
    app.state.people = Freshness(cell, people_index.SUBSCRIPTION)
    app.state.desk = Freshness(cell, desk_tasks.SUBSCRIPTION)
    app.state.documents = Freshness(cell, masterdata.SUBSCRIPTION)
    app.state.outbox = Freshness(
        cell, messages.SUBSCRIPTION, lambda: OutboxProjection(lambda: cell.clock.micros())
    )
    app.state.readiness = Readiness(cell)
    app.state.limits = Limits(cell)
    app.state.failed_credentials = FailedCredentials()
    app.state.access_log = AccessLog(cell)
    app.state.carts = Carts(cell)
    app.state.news = HeadWatcher(lambda: cell.store)
    routes = [route for module in ROUTERS for route in module.router.routes]
    app.serve(route for route in routes if isinstance(route, APIRoute))
    app.add_api_route(
        "/",
        lambda: RedirectResponse("/docs"),
        include_in_schema=False,
        dependencies=[Depends(public_route("documentation"))],
    )
    app.state.routes = routes_of(app)
    errors.install(app)
    _serve_description(app)
    return app
