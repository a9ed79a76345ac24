"""Whether an order can be changed now, by v2 (contract 03 §1). `allowEdition` asks the same."""

from oms_ledger.orders.changes import refusals
from oms_ledger.orders.marketplace.levels import marketplace_endpoint
from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

IN_HANDLING = frozenset(
    {Status.HANDLING, Status.WAITING_FOR_FULFILLMENT, Status.READY_FOR_INVOICING}
)


def require_changeable(order: Order) -> None:
    """Refuses with the published code what is in the way of any change."""
    _require_sides(order)
    if order.status is None:
        raise refusals.ChangeWithoutWorkflow(order.order_id)
    if order.status in (Status.CANCEL, Status.CANCELED, Status.REPLACED):
        raise refusals.ChangeOfCanceledOrder()
    if order.change_in_progress:
        raise refusals.ChangeInProgress()
    if order.registered_changes or order.placed.details.get("changesAttachment"):
        raise refusals.ChangedByV1()
    if order.status in (Status.INVOICE, Status.INVOICED):
        raise refusals.ChangeAlreadyInvoiced()
    sold_by_others = order.flow == "marketplace"
    if order.status not in ({Status.PAYMENT_APPROVED} if sold_by_others else IN_HANDLING):
        raise refusals.InvalidChange()
    if settled(order):
        raise refusals.ChangeSettled()
    if order.flow != "seller" and not order.placed.transaction_id:
        raise refusals.ChangeWithoutPayment(order.order_id)


def _require_sides(order: Order) -> None:
    if order.flow == "chain":
        raise refusals.ChangeOfChain()
    if marketplace_endpoint(order) is not None:
        raise refusals.ParticipantUnreachable()  # the protocol has no request for it


def require_undisturbed(order: Order) -> None:
    """A v1 change whose increase the gateway is being asked for comes first."""
    if order.change_prepared:
        raise refusals.ChangeInProgress()


def settled(order: Order, value: int | None = None) -> bool:
    """Whether all that the order costs, now or with another value, was captured already."""
    value = order.value if value is None else value
    return order.captured > 0 and order.captured >= value + order.interest


def can_change(order: Order) -> bool:
    """Whether `require_changeable` would let a change through."""
    try:
        require_changeable(order)
    except Refusal:
        return False
    return True
