"""The pages of the back office, one module per subject; each lists its routes."""

from oms_ledger.backoffice.page import Handler
from oms_ledger.backoffice.pages import (
    actions,
    bulk,
    carts,
    feeds,
    home,
    keys,
    masterdata,
    me,
    news,
    offers,
    order,
    orders,
    outbox,
    partners,
    people,
    playground,
    runs,
    second_factor,
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
    second_factor,
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
    carts,
    offers,
    partners,
    masterdata,
    team,
    keys,
    settings,
    runs,
    bulk,
    actions,
)

ROUTES: Pages = [route for module in MODULES for route in module.ROUTES]
