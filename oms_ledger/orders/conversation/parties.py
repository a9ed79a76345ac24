"""The parties of an order's conversation and the addresses that stand for them.

A hard alias says nothing of whom it stands for, a soft one shows the name before the `@`. An alias
takes mail until the order is invoiced or canceled.
"""

from hashlib import blake2s

from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

CUSTOMER, STORE = "customer", "store"
_ENDED = (Status.INVOICED, Status.CANCELED)


def soft_alias(order: Order, party: str, address: str) -> str:
    """An alias that shows the name and the domain of an address; hard where there is no address."""
    local, at, domain = address.rpartition("@")
    name = f"{party}/{order.account}/{order.order_id}".encode()
    digest = blake2s(name, digest_size=7).hexdigest()
    return f"{local}@{domain}-{digest}.ct.{order.account}.com" if at and local else ""


def store_alias(order: Order) -> str:
    """The address under which the customer of an order writes to the store."""
    name = f"store/{order.account}/{order.order_id}".encode()
    return f"{blake2s(name, digest_size=16).hexdigest()}@ct.{order.account}.com"


def takes_mail(order: Order) -> bool:
    """Whether the aliases of an order are alive."""
    return order.status not in _ENDED
