"""The payment gateway of an account: the built-in one, unless the account has another."""

from oms_ledger.orders.gateway import Gateway, LedgerOnly
from oms_ledger.orders.order import Order
from oms_ledger.wiring import Cell

_BUILT_IN = LedgerOnly()


def gateway_of(cell: Cell, account: str) -> Gateway:
    """Whom new purchases of the account are paid through."""
    return _BUILT_IN


def holder_of(cell: Cell, order: Order) -> Gateway | None:
    """Who has the money of an order: the remote gateway that knows its transaction, if one does.

    None when that gateway is not configured any more.
    """
    return _BUILT_IN
