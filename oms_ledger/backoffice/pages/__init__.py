"""The pages of the back office, one module per subject; each lists its routes."""

from oms_ledger.backoffice.page import Handler
from oms_ledger.backoffice.pages import (
    actions,
    bulk,
    feeds,
    home,
    keys,
    me,
    news,
    order,
    orders,
    outbox,
    people,
    playground,
    runs,
    settings,
    stream,
    system,
    tasks,
    team,
    verify,
)

Pages = list[tuple[str, Handler, list[str]]]

MODULES = (
    me,
    verify,
    system,
    home,
    news,
    orders,
    order,
    stream,
    feeds,
    playground,
    outbox,
    tasks,
    people,
    team,
    keys,
    settings,
    runs,
    bulk,
    actions,
)

ROUTES: Pages = [route for module in MODULES for route in module.ROUTES]
