"""A payment gateway over HTTP, by the published Payments operations.

Every request carries a `requestId`, in its body and as `Idempotency-Key`: the gateway does the
same request once. Card numbers pass through on their way to it and are kept nowhere; secrets and
bodies are in no log and no error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson
import requests

from oms_ledger.http_client.addresses import Allowed, wrong_url
from oms_ledger.http_client.answers import read_json
from oms_ledger.http_client.sessions import exchange, session
from oms_ledger.orders.events import Json, Payment
from oms_ledger.orders.payments.balances import Kind
from oms_ledger.orders.payments.gateway import (
    AuthorizationResult,
    GatewayClosed,
    GatewayRejected,
    GatewayUnavailable,
    Outcome,
    PaymentResult,
    Receipt,
    Transaction,
)
from oms_ledger.orders.payments.systems import number_of

_REQUESTS = {
    Kind.SETTLE: "settlement-request",
    Kind.REFUND: "refunding-request",
    Kind.CANCEL: "cancellation-request",
}
_APPROVED = {"approved", "authorized", "settling", "settled", "finished"}
_DENIED = {"denied", "cancelled", "canceled", "cancelling", "canceling", "error"}
_LATER = {408, 409, 425, 429}
_LONGEST = 300
"""Of what a gateway says, so many characters are kept."""
_CLOSED = {401, 403, 405, 407}
_KEPT = ("Tid", "ReturnCode", "Message", "authId", "nsu")
_ELSEWHERE = 428


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """A gateway that speaks the Payments Gateway API. Money is integer cents."""

    url: str
    app_key: str
    app_token: str = field(repr=False)
    networks: Sequence[Allowed] = ()
    remote: bool = True

    def open(self, transaction: Transaction) -> str | None:
        """Open a transaction for an order group; its id at the gateway."""
        body = {
            "value": sum(payment.value for payment in transaction.payments),
            "referenceId": transaction.order_group,
            "channel": transaction.merchant,
            "salesChannel": transaction.sales_channel,
            "urn": None,
        }
        fields = self._post("/api/pvt/transactions", body, transaction.id)
        gateway_id = fields.get("transactionId") or fields.get("id")
        if not isinstance(gateway_id, str) or not 0 < len(gateway_id) <= _LONGEST:
            raise GatewayRejected("the gateway gave the transaction no id")
        return gateway_id

    def send(self, transaction: Transaction, payments: Sequence[Json]) -> None:
        """Send the payments, with the fields that the client gave for them."""
        sent = [
            {**_basics(transaction, payment), **given, **_named(transaction, payment)}
            for payment, given in zip(transaction.payments, payments, strict=False)
        ]
        self._send(transaction, sent)

    def _send(self, transaction: Transaction, sent: list[Json]) -> None:
        path = f"/api/payments/transactions/{_id(transaction)}/payments"
        self._post(f"{path}?orderId={quote(transaction.order_group, safe='')}", sent)

    def authorize(self, transaction: Transaction, request_id: str) -> AuthorizationResult:
        """Have the transaction authorized; what came of each payment."""
        here = f"/api/pvt/transactions/{_id(transaction)}"
        if not self._payments(here):
            basics = [
                {**_basics(transaction, one), **_named(transaction, one)}
                for one in transaction.payments
            ]
            self._send(transaction, basics)
        if transaction.additional:
            data = [
                {"name": name, "value": value} for name, value in transaction.additional.items()
            ]
            self._post(f"{here}/additional-data", data)
        requested = {
            "transactionId": transaction.gateway_id,
            "softDescriptor": None,
            "prepareForRecurrency": False,
        }
        fields = self._post(f"{here}/authorization-request", requested, request_id)
        if fields.get("status code") == _ELSEWHERE:
            return AuthorizationResult(
                request_id,
                transaction.payments,
                redirects=_objects(fields, "RedirectResponseCollection"),
                apps=_objects(fields, "paymentAuthorizationAppCollection"),
            )
        return AuthorizationResult(
            request_id, transaction.payments, self._answers(transaction, here, fields)
        )

    def carry_out(
        self, transaction: Transaction, kind: Kind, value: int, request_id: str
    ) -> Receipt:
        """Settle, refund or cancel so many cents, once for each `request_id`."""
        path = f"/api/pvt/transactions/{_id(transaction)}/{_REQUESTS[kind]}"
        fields = self._post(path, {"value": value}, request_id)
        if _outcome(fields.get("statusDetail")) is Outcome.DENIED and kind is not Kind.CANCEL:
            raise GatewayRejected(_reason(fields), _connector(fields))
        return Receipt(_token(fields, request_id), _connector(fields))

    def adjust(self, transaction: Transaction, value: int, request_id: str) -> Receipt:
        """More is one more payment by the system of the first; less is released."""
        if value <= 0:
            return self.carry_out(transaction, Kind.CANCEL, -value, request_id)
        first = transaction.payments[0]
        more = {**_basics(transaction, first), "value": value, "referenceValue": value}
        self._send(transaction, [{**more, "id": request_id, "installmentsValue": value}])
        path = f"/api/pvt/transactions/{_id(transaction)}/authorization-request"
        requested = {"transactionId": transaction.gateway_id, "softDescriptor": None}
        fields = self._post(path, {**requested, "prepareForRecurrency": False}, request_id)
        outcome = _outcome(fields.get("statusDetail"))
        if outcome is Outcome.PENDING:  # it may still say yes: no refusal, and called again
            raise GatewayUnavailable("the gateway has not decided yet")
        if outcome is Outcome.DENIED:
            raise GatewayRejected(_reason(fields), _connector(fields))
        return Receipt(_token(fields, request_id), _connector(fields))

    def _payments(self, here: str) -> list[Json]:
        fields = self._ask("GET", f"{here}/payments")
        return [one for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []

    def _answers(
        self, transaction: Transaction, here: str, fields: Json
    ) -> dict[str, PaymentResult]:
        """Of each payment what the gateway says of it; where it says nothing, of all alike."""
        known = {str(one.get("id")): one for one in self._payments(here)}
        overall = fields.get("statusDetail")
        return {
            payment.id: _answer(known.get(payment.id) or fields, overall)
            for payment in transaction.payments
        }

    def _post(self, path: str, body: Any, request_id: str | None = None) -> Json:
        if request_id is not None:
            body = {**body, "requestId": request_id}
        fields = self._ask("POST", path, body, request_id)
        return fields if isinstance(fields, dict) else {}

    def _ask(self, method: str, path: str, body: Any = None, request_id: str | None = None) -> Any:
        if refusal := wrong_url(self.url, self.networks):
            raise GatewayClosed(refusal)
        headers = {
            "X-VTEX-API-AppKey": self.app_key,
            "X-VTEX-API-AppToken": self.app_token,
            "Content-Type": "application/json",
            **({"Idempotency-Key": quote(request_id)} if request_id else {}),
        }
        try:
            response, content = exchange(
                session(self.networks),
                method,
                self.url.rstrip("/") + path,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
            )
        except (requests.RequestException, OSError) as error:
            raise GatewayUnavailable(
                f"the gateway did not answer: {type(error).__name__}"
            ) from None
        return _understood(response, content)


def _understood(response: requests.Response, content: bytes) -> Any:
    status = response.status_code
    try:
        fields = read_json(content) if content.strip() else {}
    except orjson.JSONDecodeError:
        fields = {}
    if 200 <= status < 300:
        return fields
    if status == _ELSEWHERE and isinstance(fields, dict):
        return {**fields, "status code": _ELSEWHERE}
    answer = f"the gateway answered {status}{_message(fields)}"
    if status >= 500 or status in _LATER:
        after = response.headers.get("Retry-After", "")
        wait = (
            timedelta(seconds=min(int(after[:9]), 21_600))
            if after.isascii() and after.isdigit()
            else None
        )
        raise GatewayUnavailable(answer, wait)
    if status in _CLOSED or 300 <= status < 400:
        raise GatewayClosed(answer)
    raise GatewayRejected(answer)


def _message(fields: Any) -> str:
    error = fields.get("error") if isinstance(fields, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f": {message[:_LONGEST]}" if isinstance(message, str) else ""


def _id(transaction: Transaction) -> str:
    return quote(transaction.gateway_id or transaction.id, safe="")


def _named(transaction: Transaction, payment: Payment) -> Json:
    fields = {"id": transaction.gateway_id, "merchantName": transaction.merchant}
    return {"id": payment.id, "transaction": fields}


def _basics(transaction: Transaction, payment: Payment) -> Json:
    system = payment.payment_system
    kept = {k: payment.details[k] for k in ("accountId", "tokenId") if k in payment.details}
    return {
        "paymentSystem": system if (number := number_of(system)) is None else number,
        "installments": payment.installments,
        "currencyCode": transaction.currency,
        "value": payment.value,
        "installmentsInterestRate": 0,
        "installmentsValue": -(-payment.value // payment.installments),
        "referenceValue": payment.reference_value,
        "fields": kept,
    }


def _token(fields: Json, request_id: str) -> str:
    """What the gateway calls what it did; the request's own id where it says nothing of use."""
    token = fields.get("token")
    return str(token)[:_LONGEST] if isinstance(token, str | int) and token else request_id


def _objects(fields: Json, name: str) -> tuple[Json, ...]:
    given = fields.get(name)
    return tuple(one for one in given if isinstance(one, dict)) if isinstance(given, list) else ()


def _outcome(status: object) -> Outcome:
    word = status.lower() if isinstance(status, str) else ""
    if word in _APPROVED:
        return Outcome.APPROVED
    return Outcome.DENIED if word in _DENIED else Outcome.PENDING


def _answer(fields: Json, overall: object) -> PaymentResult:
    outcome = _outcome(fields.get("status") if isinstance(fields.get("status"), str) else overall)
    reason = _reason(fields) if outcome is Outcome.DENIED else None
    return PaymentResult(outcome, reason, _connector(fields))


def _reason(fields: Json) -> str:
    for name in ("message", "returnMessage", "statusDetail"):
        if isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])[:_LONGEST]
    return "the gateway refused"


def _connector(fields: Json) -> Json:
    """What of a connector's answer is kept: short texts by the published names."""
    given = fields.get("connectorResponse") or fields.get("ConnectorResponses") or {}
    given = given if isinstance(given, dict) else {}
    named = {
        **{name: fields.get(name[0].lower() + name[1:]) for name in ("Tid", "ReturnCode")},
        **given,
    }
    if "Message" not in given and isinstance(fields.get("message"), str):
        named["Message"] = fields["message"]
    return {name: str(named[name])[:_LONGEST] for name in _KEPT if named.get(name) is not None}
