"""What clients ask of a sale over HTTP, each beside what the reference is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.model.reference.sale import Sale
from tests.model.reference.side import Key, Refused, Side
from tests.support.client import Client

ORDERS, DOCUMENTS, CHANGES = (
    "/api/oms/pvt/orders",
    "/api/orders/pvt/document",
    "/api/order-system/orders",
)
FEWER, MORE = {"7": -1}, {"9": 1}
DELIVERY = {"itemIndex": 0, "selectedSla": "Fast", "selectedDeliveryChannel": "delivery"}
INVOICING = ("part", "rest", "over", "same", "return")


@dataclass
class Command:
    """To a side of the sale; `tell` does to the reference what `request` asks of the system."""

    name: str
    key: Key
    verb: str
    method: str
    url: str
    body: Any
    tell: Callable[[Sale, Side], object]

    async def ask(self, client: Client) -> str:
        """`ok`, or the code of the refusal."""
        answer = await client.ask(self.method, self.url, self.body)
        assert answer.status < 500, (self, answer)
        return "ok" if answer.status < 300 else str(answer.json()["error"]["code"])

    def expected(self, sale: Sale) -> str:
        try:
            self.tell(sale, sale.sides[self.key])
        except Refused as refused:
            return str(refused)
        return "ok"


@dataclass
class Commands:
    """Makes commands for a side as it is; `names` are the system's ids by the reference's."""

    names: dict[str, str] = field(default_factory=dict)
    number: int = 0

    def new(self, side: Side, verb: str) -> Command:
        self.number += 1
        label = f"{side.id}/{self.number}"
        made: Callable[[Side, str, str], tuple[str, str, Any, Any]] = getattr(
            self, f"_{'invoice' if verb in INVOICING else verb}"
        )
        method, url, body, tell = made(side, verb, label)
        return Command(label, side.key, verb, method, url, body, tell)

    def _start(self, side: Side, verb: str, label: str) -> Any:
        return "POST", f"{ORDERS}/{side.id}/start-handling", None, Sale.start

    def _notify(self, side: Side, verb: str, label: str) -> Any:
        url = f"{ORDERS}/{side.id}/payments/PAY/payment-notification"
        return "POST", url, None, Sale.notify

    def _cancel(self, side: Side, verb: str, label: str) -> Any:
        body = {"reason": f"by {side.account}", "requestedByUser": self.number % 3 == 0}
        return "POST", f"{ORDERS}/{side.id}/cancel", body, lambda w, s: w.cancel(s, label)

    def _deny(self, side: Side, verb: str, label: str) -> Any:
        """The latest request there is; one that nobody made when there is none."""
        named = side.requests[-1].id if side.requests else "nobody"
        request = self.names.get(named, named)
        body = {"cancellationRequestId": request, "denyReason": "Engraved"}
        url = f"{DOCUMENTS}/{side.id}/deny-cancellation-request"
        return "POST", url, body, lambda w, s: w.deny(s, named)

    def _invoice(self, side: Side, verb: str, label: str) -> Any:
        rest = side.value - side.invoiced
        number, kind, value, units = label, "Output", max(1, rest), dict[str, int]()
        if verb == "part":
            value, units = 1000, {"7": 1}
        elif verb == "over":
            value = max(0, rest) + 1
        elif verb == "return":
            kind, value = "Input", max(1, side.invoiced)
        elif verb == "same" and side.invoices:
            number, (kind, value) = list(side.invoices.items())[-1]
        body = {
            "type": kind,
            "invoiceNumber": number,
            "invoiceValue": value,
            "issuanceDate": "2026-01-01",
            "items": [{"id": sku, "quantity": n, "price": 1000} for sku, n in units.items()],
        }
        url = f"{ORDERS}/{side.id}/invoice"
        return "POST", url, body, lambda w, s: w.invoice(s, number, kind, value, units)

    def _v1(self, side: Side, verb: str, label: str) -> Any:
        units = self._units(side)
        one = [{"id": sku, "quantity": 1, "price": 1000 if sku == "7" else 500} for sku in units]
        side_of = "itemsRemoved" if units is FEWER else "itemsAdded"
        body = {"requestId": label, "reason": "reason", side_of: one}
        return (
            "POST",
            f"{ORDERS}/{side.id}/changes",
            body,
            lambda w, s: w.change_v1(s, label, units),
        )

    def _v2(self, side: Side, verb: str, label: str) -> Any:
        units = self._units(side)
        one = [{"id": sku, "quantity": 1, "price": 1000 if sku == "7" else 500} for sku in units]
        body = {"reason": "reason", "remove" if units is FEWER else "add": {"items": one}}
        url = f"{CHANGES}/{side.id}/changes"
        return "PATCH", url, body, lambda w, s: w.change_v2(s, label, units)

    def _units(self, side: Side) -> dict[str, int]:
        """The last unit stays: without it there would be no order."""
        return FEWER if self.number % 2 and side.units["7"] > 1 else MORE

    def _undo(self, side: Side, verb: str, label: str) -> Any:
        return self._of_change(side, "cancel", Sale.cancel_v2)

    def _retry(self, side: Side, verb: str, label: str) -> Any:
        return self._of_change(side, "retry", Sale.retry_v2)

    def _of_change(self, side: Side, what: str, tell: Any) -> Any:
        named = side.changes[-1].id if side.changes else "none"
        url = f"{CHANGES}/{side.id}/changes/{self.names.get(named, named)}/{what}"
        return "POST", url, None, lambda w, s: tell(w, s, named)

    def resell(self, side: Side, seller: str) -> Command:
        self.number += 1
        body = {
            "newSellerId": seller,
            "marketplacePaymentValue": side.value,
            "shippingData": {"logisticsInfo": [DELIVERY]},
        }
        url = f"/api/checkout/pvt/orders/{side.id}/sellers"
        tell = lambda w, s: w.change_seller(s, seller)  # noqa: E731
        return Command(f"{side.id}/{self.number}", side.key, "resell", "PUT", url, body, tell)
