"""The API as one ASGI application, with addressing, metrics and idempotency around it."""

from starlette.types import ASGIApp

from oms_ledger.api.app import application, routes_of
from oms_ledger.api.http.addressing import Addressing
from oms_ledger.api.http.idempotency import Repeats
from oms_ledger.api.http.metrics import Timing
from oms_ledger.cell import Cell, open_cell
from oms_ledger.services import gc_tuning as interpreter
from oms_ledger.services.metrics import Reporter


def build(cell: Cell) -> ASGIApp:
    """The application of one cell; whoever opened the cell closes it."""
    app = application(cell)
    paths = [route.path for route in routes_of(app)]
    return Addressing(Timing(Repeats(app)), paths, cell.settings.body_limit)


def create() -> ASGIApp:
    """What a web process serves: the cell of the environment."""
    cell = open_cell()
    cell.require_tables()
    Reporter(cell.database, "web")
    app = build(cell)
    interpreter.settle()
    return app
