"""Choosing another seller: within the window, or before the money came (contract 01 §5, 02 §15)."""

from collections.abc import Mapping, Sequence

from oms_ledger.orders import events
from oms_ledger.orders.decide import DecisionContext, with_automatic_transitions
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import NoWorkflow, SellerNotChanged
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal

ALLOWED_IN = frozenset(
    {
        Status.WINDOW_TO_CHANGE_SELLER,
        Status.PAYMENT_PENDING,
        Status.WAITING_FOR_AUTHORIZATION,
    }
)


def change_seller_refusal(order: Order) -> Refusal | None:
    """What about the order itself makes a change of its seller impossible; None when nothing."""
    reasons: tuple[tuple[bool, str, str], ...] = (
        (order.flow == "chain", "CHK0165", "a chain order keeps its seller"),
        (order.flow != "marketplace", "CHK0047", "the account itself sells this order"),
        (order.placed.seller_outside, "CHK0188", f"{order.seller} is no account here"),
        (_with_extras(order), "CHK0047", "items with services or attachments keep their seller"),
        (_changed(order), "CHK0187", "the order was changed"),
        (bool(order.invoices), "CHK0190", "the order has settlements"),
        (_taxed(order), "CHK0193", "the order has taxes"),
        (_split(order), "CHK0192", "its payment is split, and not all of it by credit card"),
    )
    for holds, code, why in reasons:
        if holds:
            return SellerNotChanged(code, why)
    return None


def _with_extras(order: Order) -> bool:
    extras = ("attachments", "bundleItems", "offerings", "assemblies")
    return any(item.details.get(name) for item in order.items for name in extras)


def _changed(order: Order) -> bool:
    units = [(item.unique_id, item.quantity, item.price) for item in order.items]
    placed = [(one.unique_id, one.quantity, one.price) for one in order.placed.items]
    return bool(order.registered_changes) or units != placed


def _taxed(order: Order) -> bool:
    return any(total.id == "Tax" and total.value for total in order.totals)


def _split(order: Order) -> bool:
    groups = [payment.group for payment in order.payments if payment.value]
    return len(groups) > 1 and any(group != "creditCard" for group in groups)


def require_change(
    order: Order,
    *,
    seller: str,
    payment_value: int | None,
    deliveries: Sequence[Mapping[str, object]],
) -> None:
    """Refuse what the contract refuses of a change, before any request is sent."""
    if order.status is None:
        raise NoWorkflow(order.order_id)
    if refusal := change_seller_refusal(order):  # what lasts gets before what passes
        raise refusal
    if order.status not in ALLOWED_IN:
        raise SellerNotChanged("CHK0047", f"the order is in {order.status}")
    if seller == order.seller:
        raise SellerNotChanged("CHK0195", f"{seller} is its seller already")
    if payment_value is not None and payment_value != order.value:
        raise SellerNotChanged(
            "CHK0145", f"marketplacePaymentValue is {payment_value}, the order's {order.value}"
        )
    if any(one["selectedDeliveryChannel"] == "pickup-in-point" for one in deliveries):
        raise SellerNotChanged("CHK0189", "the new seller's delivery is a pickup")
    fields = {one["itemIndex"] for one in deliveries}
    missing = [index for index in range(len(order.items)) if index not in fields]
    if missing:
        raise SellerNotChanged("CHK0191", f"no delivery is given for item {missing[0]}")


def propose_seller(
    order: Order,
    context: DecisionContext,
    *,
    seller: str,
    payment_value: int | None,
    deliveries: Sequence[Mapping[str, object]],
) -> list[events.OrderEvent]:
    """Propose the order to another seller, under an id that no seller of this order had before."""
    require_change(order, seller=seller, payment_value=payment_value, deliveries=deliveries)
    number = len(order.proposals) + 1
    return [events.SellerProposed(seller=seller, seller_order_id=f"{number:02d}-{order.order_id}")]


def change_seller(
    order: Order,
    context: DecisionContext,
    *,
    seller: str,
    seller_name: str,
    seller_order_id: str,
    deliveries: Sequence[Mapping[str, object]],
) -> list[events.OrderEvent]:
    """The proposed seller took the order: it is the seller now."""
    if order.seller_order_id == seller_order_id:
        return []
    require_change(order, seller=seller, payment_value=None, deliveries=deliveries)
    fields = {one["itemIndex"]: one for one in deliveries}
    logistics = tuple(
        {
            **line,
            "selectedSla": fields[index]["selectedSla"],
            "selectedDeliveryChannel": fields[index]["selectedDeliveryChannel"],
            "deliveryIds": [],
        }
        for index, line in enumerate(order.logistics)
    )
    changed = events.SellerChanged(
        seller=seller,
        seller_name=seller_name,
        seller_order_id=seller_order_id,
        receipt=context.receipt,
        logistics=logistics,
    )
    return with_automatic_transitions(order, [changed], context)


def close_seller_window(order: Order, context: DecisionContext) -> list[events.OrderEvent]:
    """Nobody chose another seller in time; void when somebody did."""
    if order.status is not Status.WINDOW_TO_CHANGE_SELLER:
        return []
    if order.closes_at is not None and context.now < order.closes_at:
        return []
    started = events.CancellationStarted(
        by="seller-notification", receipt=context.receipt, reason=order.seller_reason
    )
    return with_automatic_transitions(order, [started], context)
