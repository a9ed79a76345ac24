"""The API and the back office as one ASGI application."""

from starlette.types import ASGIApp, Receive, Scope, Send

from oms_ledger import logs
from oms_ledger.api.app import application, operations_of, routes_of
from oms_ledger.api.http.addressing import AccountResolver
from oms_ledger.api.http.body_limits import BodyLimits
from oms_ledger.api.http.forwarding import Forwarding
from oms_ledger.api.http.idempotency import IdempotencyMiddleware
from oms_ledger.api.http.metrics import MetricsMiddleware
from oms_ledger.api.http.outermost import Outermost
from oms_ledger.api.http.turns import Admission
from oms_ledger.api.marketplace.account_calls import AccountCalls
from oms_ledger.api.ops.health import listen_for_scrapes
from oms_ledger.backoffice.app import backoffice
from oms_ledger.cell import Cell, open_cell
from oms_ledger.services import gc_tuning
from oms_ledger.services.metrics import MetricsReporter


class WithBackOffice:
    """The API, and the pages below `/admin`."""

    def __init__(self, api: ASGIApp, pages: ASGIApp) -> None:
        self._app, self._pages = api, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/admin` by the pages, all else by the API."""
        path = scope.get("path", "")
        chosen = self._pages if path == "/admin" or path.startswith("/admin/") else self._app
        await chosen(scope, receive, send)


def build(cell: Cell) -> ASGIApp:
    """The application of one cell; whoever opened the cell closes it."""
    api = build_api(cell)
    return Outermost(WithBackOffice(api, backoffice(api, cell)))


def build_api(cell: Cell) -> ASGIApp:
    """The API alone, as pages ask it."""
    app = application(cell)
    paths = [route.path for route in routes_of(app)]
    limited = BodyLimits(IdempotencyMiddleware(app), operations_of(app), cell.settings.body_limit)
    served: ASGIApp = MetricsMiddleware(Admission(limited))
    if cell.directory is not None:
        served = Forwarding(
            AccountCalls(served, cell, app.state.carts.offers), cell, cell.directory
        )
    return AccountResolver(served, paths)


def create(kind: str = "web") -> ASGIApp:
    """What a web process serves: the cell of the environment. `kind`: what its metrics are of."""
    cell = open_cell()
    cell.require_tables()
    cell.require_key()
    logs.configure(cell.settings)  # this process was started by the server
    MetricsReporter(cell.database, kind)
    listen_for_scrapes(cell)
    app = build(cell)
    gc_tuning.settle()
    return app
