"""The payment gateway of an account: the built-in one, unless the account has another.

An order stays with the gateway that has its money, whatever is configured later: one that knows
its transaction by an id of its own, or the built-in one, which knows none.
"""

from oms_ledger.cell import Cell
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.gateway import BuiltInGateway, Gateway
from oms_ledger.services.payments.http_gateway import HttpGateway
from projections.accounts import gateways

_BUILT_IN = BuiltInGateway()


def gateway_of(cell: Cell, account: str) -> Gateway:
    """Whom new purchases of the account are paid through."""
    return _remote(cell, account) or _BUILT_IN


def holder_of(cell: Cell, order: Order) -> Gateway | None:
    """Who has the money of an order.

    None when that is a remote gateway, and the account has none any more.
    """
    if order.money.gateway_id is None:
        return _BUILT_IN
    return _remote(cell, order.account)


def _remote(cell: Cell, account: str) -> Gateway | None:
    with cell.database.reading() as connection:
        found = gateways.get(connection, account, cell.encryption)
    if found is None:
        return None
    networks = cell.settings.networks_of(account)
    return HttpGateway(found.url, found.app_key, found.app_token, networks)
