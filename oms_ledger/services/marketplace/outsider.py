"""The other side of a sale outside the deployment, over HTTP by the published protocols.

A seller is reached by the register of the account, a marketplace at the address that it gave with
its order.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant
from oms_ledger.http_client.partner_client import Endpoint, PartnerAnswer, segment
from oms_ledger.orders.documents import marketplace_requests, seller_requests
from oms_ledger.orders.events import InvoiceIssued, Json, OrderEvent
from oms_ledger.orders.marketplace.levels import marketplace_group, seller_order_id_of
from oms_ledger.orders.order import CancellationRequest, Order
from oms_ledger.services.marketplace.counterpart import (
    Decision,
    Done,
    PartnerOutcome,
    Placement,
    Refused,
    Taken,
    Thinking,
    Unknown,
)
from oms_ledger.services.marketplace.exchange import (
    again,
    ask,
    outcome_of,
    parsed,
    receipt_in,
    said,
)
from oms_ledger.services.marketplace.register import (
    SellerTerms,
    marketplace_reach,
    seller_terms,
)
from projections.outbox.messages import StoredMessage

_REFUSALS = frozenset({400, 409, 410, 422})
_LATER = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})
_CANCELED_THERE = frozenset({404, 409, 410})
_LONGEST_ID = 100
FIRST_REMINDER, NEXT_REMINDER = timedelta(hours=1), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class OutsideSeller:
    """A seller that the account's register names."""

    cell: Cell
    message: StoredMessage

    async def _terms(self) -> SellerTerms | Unknown:
        terms = await seller_terms(self.cell, self.message.account, self.message.other)
        if terms is not None:
            return terms
        why = f"The register does not say where seller {self.message.other} is reached"
        return Unknown(why, answered=None, needs_person=True)

    async def _ask(self, endpoint: Endpoint, body: Json | list[Json]) -> PartnerAnswer:
        message = self.message
        return await ask(self.cell, message.account, message.id, "POST", endpoint, body)

    async def place(self, order: Order) -> Placement:
        """Place the order. Its outcome is known only by an answer that names its id."""
        public = self.cell.settings.public_url
        if public is None:
            why = "OMS_PUBLIC_URL is not set, so the seller could not answer"
            return Unknown(why, answered=None, needs_person=True, lasting=True)
        terms = await self._terms()
        if isinstance(terms, Unknown):
            return Unknown(terms.why, answered=None, needs_person=True, lasting=True)
        body = seller_requests.placement(
            order,
            endpoint=f"{public}/{order.account}/api/oms",
            shares_email=terms.shares_email,
            product_commission=terms.product_commission,
            freight_commission=terms.freight_commission,
        )
        answer = await self._ask(terms.endpoint.path("/pvt/orders"), [body])
        return placement_outcome(answer, order.order_id)

    async def authorize(self, order: Order) -> PartnerOutcome:
        """POST …/fulfill; with the payment's data where the account shares it."""
        terms = await self._terms()
        if isinstance(terms, Unknown):
            return terms
        account = await self.cell.ledger.account(order.account)
        body = seller_requests.authorization(
            order, shares_payment=bool(account.setting("share_payment_data"))
        )
        return outcome_of(await self._ask(self._of_order(terms, order, "fulfill"), body))

    async def ask_to_cancel(self, order: Order, request: CancellationRequest) -> Decision:
        """POST …/cancel as a question: an empty answer means that the seller thinks about it."""
        terms = await self._terms()
        if isinstance(terms, Unknown):
            return terms
        body = seller_requests.cancellation(order, request_id=request.id, request=request)
        answer = await self._ask(self._of_order(terms, order, "cancel"), body)
        if answer.status in _GONE and order.seller_order_id is None:
            return Done()
        decision = cancellation_outcome(answer)
        if isinstance(decision, Thinking):
            age = self.cell.clock.now() - instant(self.message.produced_at)
            return Thinking(FIRST_REMINDER if age < FIRST_REMINDER else NEXT_REMINDER)
        return decision

    async def cancel(self, order: Order) -> Decision:
        """POST …/cancel as a fact; by our id where the seller never named its own."""
        terms = await self._terms()
        if isinstance(terms, Unknown):
            return terms
        request_id = order.requests[-1].id if order.requests else self.message.id
        body = seller_requests.cancellation(order, request_id=request_id, request=None)
        answer = await self._ask(self._of_order(terms, order, "cancel"), body)
        if answer.status in _GONE:
            return Done()
        outcome = cancellation_outcome(answer)
        return Done() if isinstance(outcome, Thinking) else outcome

    @staticmethod
    def _of_order(terms: SellerTerms, order: Order, action: str) -> Endpoint:
        return terms.endpoint.path(f"/pvt/orders/{segment(seller_order_id_of(order))}/{action}")


def placement_outcome(answer: PartnerAnswer, order_id: str) -> Placement:
    """Taken by a 2xx that names the seller's id, refused by few statuses; all else is open."""
    if answer.well:
        known = _taken(parsed(answer), order_id)
        return Taken(known) if known else again(answer, lasting=True)
    if answer.status in _REFUSALS:
        return Refused(said(answer), answer.status)
    unreachable = answer.status is not None and answer.status < 500 and answer.status not in _LATER
    return again(answer, needs_person=unreachable, lasting=True)


def _taken(body: Any, order_id: str) -> str | None:
    """The seller's id for the order, as a text; None where the answer is about no such order."""
    if isinstance(body, list):
        body = body[0] if len(body) == 1 else None
    if not isinstance(body, dict) or body.get("marketplaceOrderId", order_id) not in (
        order_id,
        None,
    ):
        return None
    known = body.get("orderId")
    if isinstance(known, float) and known.is_integer():
        known = int(known)
    if isinstance(known, bool) or not isinstance(known, str | int):
        return None
    text = str(known).strip()
    return text if 0 < len(text) <= _LONGEST_ID else None


def cancellation_outcome(answer: PartnerAnswer) -> Decision:
    """Confirmed by an answer that names the order, undecided by an empty one."""
    if not answer.well:
        return outcome_of(answer)
    body = parsed(answer)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict) and body.get("marketplaceOrderId"):
        return Done(receipt_in(body))
    if body == {} or answer.content.strip() in (b"", b"null"):
        return Thinking()
    return again(answer)


@dataclass(frozen=True, slots=True)
class OutsideMarketplace:
    """The outsider that sold an order."""

    cell: Cell
    message: StoredMessage

    async def _tell(self, order: Order, path: str, body: Json) -> PartnerAnswer | Unknown:
        endpoint = marketplace_reach(order)
        if endpoint is None:
            why = "The order does not say where its marketplace is reached"
            return Unknown(why, answered=None, needs_person=True)
        message = self.message
        return await ask(self.cell, message.account, message.id, "POST", endpoint.path(path), body)

    async def report_invoice(self, order: Order, invoice: InvoiceIssued) -> PartnerOutcome:
        """POST /pub/orders/{id}/invoice, with its tracking as it is now."""
        known = order.invoice(invoice.number) or invoice
        path = f"/pub/orders/{segment(_known_as(order))}/invoice"
        answer = await self._tell(order, path, marketplace_requests.invoice(order, known))
        return answer if isinstance(answer, Unknown) else outcome_of(answer)

    async def report_tracking(self, order: Order, event: OrderEvent) -> PartnerOutcome:
        """The same invoice again, with what is known of its package now."""
        invoice = order.invoice(getattr(event, "number", ""))
        return Done() if invoice is None else await self.report_invoice(order, invoice)

    async def report_cancellation(self, order: Order) -> PartnerOutcome:
        """One that knows nothing of the order, or canceled it, needs no more messages about it."""
        if order.flow == "chain":
            group = segment(marketplace_group(order))
            path = f"/pvt/orders/order-group/{group}/notifications/seller-cancellation"
            body = marketplace_requests.seller_cancellation(order)
        else:
            path = f"/pvt/orders/{segment(_known_as(order))}/cancel"
            body = marketplace_requests.cancellation(order)
        answer = await self._tell(order, path, body)
        if isinstance(answer, Unknown):
            return answer
        return Done() if answer.status in _CANCELED_THERE else outcome_of(answer)

    async def confirm(self, order: Order) -> PartnerOutcome:
        """The protocol has no request for it: the placement was answered at once."""
        return Done()

    async def refuse(self, order: Order) -> PartnerOutcome:
        """The order is canceled next, and that is sent."""
        return Done()

    async def report_denial(self, order: Order, request_id: str) -> PartnerOutcome:
        """The protocol has no request for it: the order goes on, as feed and hook say."""
        return Done()


def _known_as(order: Order) -> str:
    """What the marketplace calls the sale: a chain order stands for its group."""
    if order.flow == "chain":
        return marketplace_group(order)
    return order.placed.marketplace_order_id or ""
