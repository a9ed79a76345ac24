"""An order goes to another seller; a seller is late to decide, or to answer."""

from dataclasses import dataclass

from oms_ledger.orders.parts import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerProposed:
    """The order is about to be placed with another seller, under this id.

    Recorded before that request, so that an order which was placed there and not taken up, because
    somebody died in between, can be found and canceled.
    """

    seller: str
    seller_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerChanged:
    """The proposed seller took the order; the one before is out of it."""

    seller: str
    seller_name: str
    seller_order_id: str
    receipt: str
    logistics: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class SellerDecisionOverdue:
    """The seller did not say for 30 days whether it accepts the cancellation: it has to cancel."""


@dataclass(frozen=True, slots=True)
class SellerOrderNamed:
    """A seller outside took an order that is canceled here: by this id it is canceled there."""

    seller_order_id: str


@dataclass(frozen=True, slots=True)
class MarketplaceMoved:
    """The outsider that sold the order placed it again, to be notified at another address."""

    endpoint: str
    sold_outside: bool


@dataclass(frozen=True, slots=True)
class AuthorizationReceived:
    """A marketplace outside authorized the order, and gave its own receipt of that."""

    receipt: str
    given_at: str = ""


MarketplaceEvent = (
    SellerProposed
    | SellerChanged
    | SellerDecisionOverdue
    | SellerOrderNamed
    | MarketplaceMoved
    | AuthorizationReceived
)
