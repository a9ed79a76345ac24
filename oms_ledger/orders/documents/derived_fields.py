"""What the documents say of an order, by camelCase names; instants as datetimes.

The parts that no rule looks into come as they were placed; what is derived stands over them.
Nothing is worked out before a document asks for it: a filter that reads two fields of an order
costs two fields.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2s
from typing import Any

from oms_ledger.orders.cancellation.rules import can_cancel
from oms_ledger.orders.changes.rules import can_change
from oms_ledger.orders.conversation.messages import last_message
from oms_ledger.orders.documents.changes import changes_attachment
from oms_ledger.orders.documents.deliveries import packages, shipping_data
from oms_ledger.orders.documents.lines import item_metadata, items, totals
from oms_ledger.orders.documents.payments import payment_data
from oms_ledger.orders.documents.policies import policy_data
from oms_ledger.orders.documents.progress import cancellation_data, cancellation_requests
from oms_ledger.orders.documents.shapes import MISSING
from oms_ledger.orders.instants import parse
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import BESIDES

Fields = dict[str, Any]


class DerivedFields(Fields):
    """Facts of an order, each worked out when it is first asked for.

    What `derived` says stands over what the order says; what is set stands over both. Facts that
    `DERIVED` says may be worked out by others of the same order: several documents of it cost them
    once.
    """

    def __init__(
        self, order: Order, derived: Mapping[str, "Derive"], facts: "DerivedFields | None"
    ) -> None:
        super().__init__()
        placed = order.placed
        self.order = order
        self.content: Fields = {**placed.details, **(placed.client_profile.get(BESIDES) or {})}
        self._derived = derived
        self._facts = facts

    def __missing__(self, name: str) -> Any:
        derive = self._derived.get(name)
        if derive is None:
            value = self.content.get(name, MISSING)
        elif self._facts is not None and derive is DERIVED.get(name):
            value = self._facts[name]
        else:
            value = derive(self.order, self)
        self[name] = value
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The field, worked out at the first look; the default where nothing was said."""
        value = self[name]
        return default if value is MISSING else value


Derive = Callable[[Order, DerivedFields], Any]


def derive_fields(
    order: Order,
    derived: Mapping[str, Derive] | None = None,
    facts: DerivedFields | None = None,
) -> DerivedFields:
    """What `DERIVED` says of the order, or a table that has more than it.

    `facts` are `derive_fields(order)`, when more documents than one are made of them.
    """
    return DerivedFields(order, DERIVED if derived is None else derived, facts)


def _cancellation_data(order: Order, fields: DerivedFields) -> Fields | None:
    data = cancellation_data(order)
    if data is not None and (requests := fields["cancellationRequests"]):
        data["cancellationRequestId"] = requests[-1]["id"]
    return data


def _cancel_reason(_: Order, fields: DerivedFields) -> Any:
    data = fields["cancellationData"]
    return data and data["reason"]


def _seller_order_id(order: Order) -> str | None:
    """The id at the seller; None until a seller outside has said its own."""
    if order.placed.seller_outside:
        return order.seller_order_id
    return order.seller_order_id or f"{order.placed.seller_affiliate}-{order.order_id}"


_NO_POLICIES = [{"status": "accepted", "deniedPolicies": [], "pendingPolicies": []}]

DERIVED: dict[str, Derive] = {
    "id": lambda order, _: order.order_id,
    "orderId": lambda order, _: order.order_id,
    "sequence": lambda order, _: str(order.placed.sequence),
    "marketplaceOrderId": lambda order, fields: _said(
        fields, "marketplaceOrderId", order.placed.marketplace_order_id
    ),
    "sellerOrderId": lambda order, fields: (
        fields.content["sellerOrderId"]
        if not order.seller_order_id and _tells(fields, "sellerOrderId")
        else _seller_order_id(order)
    ),
    "origin": lambda order, _: order.origin,
    "affiliateId": lambda order, fields: _said(fields, "affiliateId", order.placed.affiliate_id),
    "salesChannel": lambda order, fields: (
        None if _tells(fields, "salesChannel") else order.placed.sales_channel
    ),
    "merchantName": lambda order, fields: (
        None if _tells(fields, "merchantName") else order.placed.merchant_name or None
    ),
    "status": lambda order, _: order.status and order.status.value,
    "state": lambda order, _: order.status and order.status.value,
    "value": lambda order, _: order.value,
    "creationDate": lambda order, _: spelled_instant(order, "creationDate", order.created_at),
    "lastChange": lambda order, _: spelled_instant(order, "lastChange", order.changed_at),
    "orderGroup": lambda order, _: order.placed.order_group,
    "lastMessage": lambda order, fields: last_message(order) or fields.content.get("lastMessage"),
    "followUpEmail": lambda order, fields: (
        fields.content["followUpEmail"]
        if _tells(fields, "followUpEmail")
        else follow_up_alias(order)
    ),
    "hostname": lambda order, fields: fields.content.get("hostname") or order.account,
    "isCompleted": lambda order, _: order.status is not None,
    "orderFormId": lambda order, fields: _said(fields, "orderFormId", order.placed.order_form_id),
    "allowCancellation": lambda order, _: can_cancel(order),
    "workflowIsInError": lambda order, fields: bool(
        order.failed_messages or fields.content.get("workflowIsInError")
    ),
    "allowEdition": lambda order, _: can_change(order),
    "authorizedDate": lambda order, _: spelled_instant(
        order, "authorizedDate", order.authorized_at
    ),
    "invoicedDate": lambda order, _: spelled_instant(order, "invoicedDate", order.invoiced_at),
    "cancelReason": _cancel_reason,
    "totals": lambda order, _: totals(order),
    "sellers": lambda order, fields: _sellers(order, fields.content.get("sellers") or []),
    "clientPreferencesData": lambda order, _: (
        order.placed.preferences or (None if order.imported else {})
    ),
    "cancellationData": _cancellation_data,
    "cancellationRequests": lambda order, fields: (
        cancellation_requests(order, fields.content.get("cancellationRequests") or [])
        or fields.content.get("cancellationRequests")
    ),
    "itemMetadata": lambda _, fields: (
        fields.content["itemMetadata"]
        if fields.content.get("itemMetadata") or _tells(fields, "itemMetadata")
        else item_metadata(fields["items"])
    ),
    "ratesAndBenefitsData": lambda _, fields: fields.content.get("ratesAndBenefitsData") or {},
    "authorizationPolicyData": lambda order, fields: (
        policy_data(order.authorization)
        if order.authorization
        else fields.content.get("authorizationPolicyData", _NO_POLICIES)
    ),
    "storePreferencesData": lambda order, _: order.placed.store_preferences,
    "customData": lambda order, _: order.placed.custom_data or None,
    "openTextField": lambda order, _: (
        None if order.placed.open_text is None else {"value": order.placed.open_text}
    ),
    "invoiceData": lambda order, _: _invoice_data(order.placed.invoice_data),
    "changesAttachment": lambda order, fields: changes_attachment(
        order, fields.content.get("changesAttachment")
    ),
    "packageAttachment": lambda order, _: {"packages": packages(order)},
    "paymentData": lambda order, _: payment_data(order),
    "shippingData": lambda order, fields: shipping_data(
        order, fields.content.get("shippingData") or {}
    ),
    "marketingData": lambda order, _: order.placed.marketing,
    "clientProfileData": lambda order, _: order.placed.client_profile,
    "items": lambda order, _: items(order),
}


def _tells(fields: DerivedFields, name: str) -> bool:
    """Whether the document of an imported order said something of it, be it null."""
    return fields.order.imported and name in fields.content


def _said(fields: DerivedFields, name: str, value: Any) -> Any:
    """The value, or the null or empty text that the document of an imported order said."""
    return fields.content[name] if not value and _tells(fields, name) else value


def spelled_instant(order: Order, name: str, at: datetime | None) -> Any:
    """An instant; of an imported order to the digit, as long as it is the imported one."""
    answer = (order.placed.details.get("instants") or {}).get(name) if order.imported else None
    return answer if answer is not None and parse(answer) == at else at


def _invoice_data(given: Fields) -> Fields | None:
    return given if given.keys() - {"billing"} else None


def _sellers(order: Order, content: list[Fields]) -> list[Fields]:
    same = order.imported and order.seller == order.placed.seller
    if content and (same or any(seller.get("id") == order.seller for seller in content)):
        return content
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
    content = order.placed.client_profile.get(BESIDES) or {}
    known = content.get("followUpEmail") or order.placed.details.get("followUpEmail")
    return str(known) if known else _alias(order, "followUp")


def tracked_alias(order: Order) -> str:
    """The address that a partner's mails to the customer may be sent to."""
    return _alias(order, "tracked")
