"""The pages of the back office, one module per subject; each lists its routes."""

from oms_ledger.backoffice.page import Handler
from oms_ledger.backoffice.pages import actions, home, me, order, orders

Pages = list[tuple[str, Handler, list[str]]]

ROUTES: Pages = [route for module in (me, home, orders, order, actions) for route in module.ROUTES]
