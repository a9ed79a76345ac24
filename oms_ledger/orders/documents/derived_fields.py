"""What the documents tell of an order, by camelCase names; instants as datetimes.

The parts that no rule looks into come as they were placed; what is derived stands over them.
Nothing is worked out before a document asks for it: a filter that reads two fields of an order
costs two fields.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2s
from typing import Any

from oms_ledger.orders.cancellation.rules import may_cancel
from oms_ledger.orders.changes.rules import may_change
from oms_ledger.orders.conversation.messages import last_message
from oms_ledger.orders.documents.changes import changes_attachment
from oms_ledger.orders.documents.deliveries import packages, shipping_data
from oms_ledger.orders.documents.lines import item_metadata, items, totals
from oms_ledger.orders.documents.payments import payment_data
from oms_ledger.orders.documents.progress import cancellation_data, cancellation_requests
from oms_ledger.orders.documents.shapes import MISSING
from oms_ledger.orders.instants import parse
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import BESIDES

Facts = dict[str, Any]


class FactsOf(Facts):
    """Facts of an order, each worked out when it is first asked for.

    What `derived` tells stands over what was told; what is set stands over both.
    """

    def __init__(self, order: Order, derived: Mapping[str, "Derive"]) -> None:
        super().__init__()
        placed = order.placed
        self.order = order
        self.told: Facts = {**placed.details, **(placed.client_profile.get(BESIDES) or {})}
        self._derived = derived

    def __missing__(self, name: str) -> Any:
        derive = self._derived.get(name)
        value = self.told.get(name, MISSING) if derive is None else derive(self.order, self)
        self[name] = value
        return value

    def get(self, name: str, default: Any = None) -> Any:
        value = self[name]
        return default if value is MISSING else value


Derive = Callable[[Order, FactsOf], Any]


def facts_of(order: Order, derived: Mapping[str, Derive] | None = None) -> FactsOf:
    """What `DERIVED` tells of the order, or a table that has more than it."""
    return FactsOf(order, DERIVED if derived is None else derived)


def _cancellation_data(order: Order, facts: FactsOf) -> Facts | None:
    data = cancellation_data(order)
    if data is not None and (requests := facts["cancellationRequests"]):
        data["cancellationRequestId"] = requests[-1]["id"]
    return data


def _cancel_reason(_: Order, facts: FactsOf) -> Any:
    data = facts["cancellationData"]
    return data and data["reason"]


_NO_POLICIES = [{"status": "accepted", "deniedPolicies": [], "pendingPolicies": []}]

DERIVED: dict[str, Derive] = {
    "id": lambda order, _: order.order_id,
    "orderId": lambda order, _: order.order_id,
    "sequence": lambda order, _: str(order.placed.sequence),
    "marketplaceOrderId": lambda order, facts: _said(
        facts, "marketplaceOrderId", order.placed.marketplace_order_id
    ),
    "sellerOrderId": lambda order, facts: (
        facts.told["sellerOrderId"]
        if not order.seller_order_id and _tells(facts, "sellerOrderId")
        else order.seller_order_id or f"00-{order.order_id}"
    ),
    "origin": lambda order, _: order.origin,
    "affiliateId": lambda order, facts: _said(facts, "affiliateId", order.placed.affiliate_id),
    "salesChannel": lambda order, facts: (
        None if _tells(facts, "salesChannel") else order.placed.sales_channel
    ),
    "merchantName": lambda order, facts: (
        None if _tells(facts, "merchantName") else order.placed.merchant_name or None
    ),
    "status": lambda order, _: order.status and order.status.value,
    "state": lambda order, _: order.status and order.status.value,
    "value": lambda order, _: order.value,
    "creationDate": lambda order, _: told_instant(order, "creationDate", order.created_at),
    "lastChange": lambda order, _: told_instant(order, "lastChange", order.changed_at),
    "orderGroup": lambda order, _: order.placed.order_group,
    "lastMessage": lambda order, facts: last_message(order) or facts.told.get("lastMessage"),
    "followUpEmail": lambda order, facts: (
        facts.told["followUpEmail"] if _tells(facts, "followUpEmail") else follow_up_alias(order)
    ),
    "hostname": lambda order, facts: facts.told.get("hostname") or order.account,
    "isCompleted": lambda order, _: order.status is not None,
    "orderFormId": lambda order, facts: _said(facts, "orderFormId", order.placed.order_form_id),
    "allowCancellation": lambda order, _: may_cancel(order),
    "workflowIsInError": lambda order, facts: bool(
        order.failed_calls or facts.told.get("workflowIsInError")
    ),
    "allowEdition": lambda order, _: may_change(order),
    "authorizedDate": lambda order, _: told_instant(order, "authorizedDate", order.authorized_at),
    "invoicedDate": lambda order, _: told_instant(order, "invoicedDate", order.invoiced_at),
    "cancelReason": _cancel_reason,
    "totals": lambda order, _: totals(order),
    "sellers": lambda order, facts: _sellers(order, facts.told.get("sellers") or []),
    "clientPreferencesData": lambda order, _: (
        order.placed.preferences or (None if order.imported else {})
    ),
    "cancellationData": _cancellation_data,
    "cancellationRequests": lambda order, facts: (
        cancellation_requests(order, facts.told.get("cancellationRequests") or [])
        or facts.told.get("cancellationRequests")
    ),
    "itemMetadata": lambda _, facts: (
        facts.told["itemMetadata"]
        if facts.told.get("itemMetadata") or _tells(facts, "itemMetadata")
        else item_metadata(facts["items"])
    ),
    "ratesAndBenefitsData": lambda _, facts: facts.told.get("ratesAndBenefitsData") or {},
    "authorizationPolicyData": lambda _, facts: facts.told.get(
        "authorizationPolicyData", _NO_POLICIES
    ),
    "storePreferencesData": lambda order, _: order.placed.store_preferences,
    "customData": lambda order, _: order.placed.custom_data or None,
    "openTextField": lambda order, _: (
        None if order.placed.open_text is None else {"value": order.placed.open_text}
    ),
    "invoiceData": lambda order, _: _invoice_data(order.placed.invoice_data),
    "changesAttachment": lambda order, facts: changes_attachment(
        order, facts.told.get("changesAttachment")
    ),
    "packageAttachment": lambda order, _: {"packages": packages(order)},
    "paymentData": lambda order, _: payment_data(order),
    "shippingData": lambda order, facts: shipping_data(order, facts.told.get("shippingData") or {}),
    "marketingData": lambda order, _: order.placed.marketing,
    "clientProfileData": lambda order, _: order.placed.client_profile,
    "items": lambda order, _: items(order),
}


def _tells(facts: FactsOf, name: str) -> bool:
    """Whether the document of an imported order said something of it, be it null."""
    return facts.order.imported and name in facts.told


def _said(facts: FactsOf, name: str, value: Any) -> Any:
    """The value, or the null or empty text that the document of an imported order said."""
    return facts.told[name] if not value and _tells(facts, name) else value


def told_instant(order: Order, name: str, at: datetime | None) -> Any:
    """An instant; of an imported order to the digit, as long as it is the one that was told."""
    said = (order.placed.details.get("instants") or {}).get(name) if order.imported else None
    return said if said is not None and parse(said) == at else at


def _invoice_data(given: Facts) -> Facts | None:
    return given if given.keys() - {"billing"} else None


def _sellers(order: Order, told: list[Facts]) -> list[Facts]:
    same = order.imported and order.seller == order.placed.seller
    if told and (same or any(seller.get("id") == order.seller for seller in told)):
        return told
    endpoint = "http://fulfillment.vtexcommerce.com.br/api/fulfillment?an="
    account = order.account if order.seller == "1" else order.seller
    return [
        {
            "id": order.seller,
            "name": order.seller_name,
            "fulfillmentEndpoint": f"{endpoint}{account}",
        }
    ]


def _alias(order: Order, purpose: str) -> str:
    """A mail address that stands for the customer's, stable per order."""
    name = f"{purpose}/{order.account}/{order.order_id}".encode()
    return f"{blake2s(name, digest_size=16).hexdigest()}@ct.{order.account}.com"


def follow_up_alias(order: Order) -> str:
    """The address by which others may write to the customer."""
    told = order.placed.client_profile.get(BESIDES) or {}
    known = told.get("followUpEmail") or order.placed.details.get("followUpEmail")
    return str(known) if known else _alias(order, "followUp")


def tracked_alias(order: Order) -> str:
    return _alias(order, "tracked")
