"""Every reason the answer can be no: HTTP code, published code and message in one place."""

from typing import ClassVar

from oms_ledger.refusal import Refusal


class OrderNotFound(Refusal):
    status, code, text = 404, "OMS007", "Order Not Found"


class OrderGroupNotFound(Refusal):
    status, code, text = 404, "CHK0199", "Order Group {0} not found"


class TransactionNotFound(Refusal):
    status, code, text = 404, "CHK004", "There is no active transaction {0}"


class PaymentNotFound(Refusal):
    status, code, text = 404, "CHK0181", "Payment {0} not found"


class NoWorkflow(Refusal):
    code, text = "CHK0200", "Incompleted orders cannot change status"


class IncompleteFulfillment(NoWorkflow):
    """As a marketplace gets it."""

    code = "FMT0056"


class PlacementTooOld(Refusal):
    code = "CHK0200"
    text = "The order {0} was not paid within 5 minutes of its placement: place it again"


class OrderAlreadyBought(Refusal):
    code = "CHK0085"
    text = "The order already exists: what is in {0} was bought in another order of the same cart"


class NotReadyForHandling(Refusal):
    status, code = 409, "OMS003"
    text = "Order status should be ready-for-handling to perform this action"


class StepNotAllowed(Refusal):
    status, code = 409, "OMS003"
    text = "Order status is {0}: it cannot become {1}, which follows handling and is a setting"


class Busy(Refusal):
    status, code = 409, "OMS003"
    text = "The order is in {0}, a status it leaves by itself: try again in a moment"


class UnknownPayment(Refusal):
    status, code, text = 404, "CHK0181", "Payment {0} not found in this order"


class NotThatMuch(Refusal):
    code, text = "CHK0154", "Invalid payment value: found {0} to {1}, no more than {2} is left"


class PaymentNotPending(Refusal):
    code = "CHK0242"
    text = "The order is in status {0}: a payment can be notified in payment-pending only"


class InvoiceNotAllowed(Refusal):
    code, text = "ORD039", "Order {0} is in state {1} and cannot accept invoice"


class InvoiceNotFound(Refusal):
    status, code, text = 404, "ORD038", "Invoice Not Found"


class InvoiceExceedsOrder(Refusal):
    text = "Invoice value exceeds order value"


class InvoiceWithoutValue(Refusal):
    text = "invoiceValue: found 0, expected cents above 0: {0} of the order's value are left"


class InvoiceNumberTaken(Refusal):
    text = "Invoice {0} already exists with another type or content: use another invoiceNumber"


class InputBeforeOutput(Refusal):
    text = "An Input invoice needs an Output invoice before it"


class UnknownInvoiceItem(Refusal):
    code, text = "CHK0022", "Invalid id for item: {0} is not in the order"


class TooManyInvoiceItems(Refusal):
    code, text = "CHK0023", "Invalid quantity for item: no more than {1} of {0} left to invoice"


class InvalidItemIndex(Refusal):
    code, text = "CHK0041", "Invalid item index: the order has no line {0}"


class InvalidRefund(Refusal):
    code = "ORD057"
    text = "Invalid value for refund: {0}, without items it must be more than 0"


class NothingToRefund(Refusal):
    code, text = "CHK0240", "Order {0} dont have value to refund"


class RefundExceedsCaptured(Refusal):
    code, text = "CHK0054", "Unable to use the restitution Refund more than {0}"


class DeliveryUndone(Refusal):
    text = "Invoice {0} was delivered already: isDelivered cannot become false again"


class CancellationNotAllowed(Refusal):
    code = "CHK0202"
    text = "Order {0} cannot be cancelled in status {1}: it has invoices that were not all returned"


class UnknownCancellationRequest(Refusal):
    text = "cancellationRequestId: found {0!r}, no cancellation request of this order has that id"


class DenialNotAllowed(Refusal):
    text = "Order {0} is in status {1}: no cancellation request waits for a decision"


class AuthorizationNotAllowed(Refusal):
    text = "The order {0} is no seller's order: it needs no authorization of its dispatch"


class OrderIsCanceled(Refusal):
    code, text = "EOI009", "Order out of valid status to approve: {0} is canceled"


class ManualAuthorizationNeeded(Refusal):
    status, code = 409, "EOI011"
    text = "Price divergence waits for manual authorization of the order {0}"


class NotAwaitingAuthorization(Refusal):
    status, code = 409, "OMS003"
    text = "The order is in status {0}: there is nothing to authorize"


class NotYourOrder(Refusal):
    status, code = 403, "CHK003"
    text = "Access denied. The order {0} is not fulfilled by {1}"


class PriceDiverges(Refusal):
    code, text = "FMT007", "Payment total ({0}) differs from store desired value ({1})"


class OffersSilent(Refusal):
    """Whether there is enough cannot be said now; nothing was recorded."""

    status, code, retry_after = 503, "ORD015", 5
    text = "The offers of {0} do not answer: try again in a moment"


class OffersBroken(OffersSilent):
    """They answered, with a fault of their own."""


class UnknownAffiliate(Refusal):
    code, text = "FMT0021", "Invalid affiliate id: the account has no affiliate {0}"


class OtherMarketplaceGroup(Refusal):
    code = "CHK0144"
    text = "marketplaceOrderGroup: the order {0} is not of the group {1}"


class OrderIdTaken(Refusal):
    status, code = 409, "FMT009"
    text = (
        "The request order with marketplace order id {0} for affiliate {1} already exists,"
        " with another content"
    )


class OrderNotRecreated(Refusal):
    code = "FMT0060"
    text = (
        "The request order with marketplace order id {0} for affiliate {1} is already canceled"
        " and cannot be recreated"
    )


class OtherMarketplaceOrder(Refusal):
    code = "FMT0071"
    text = "Marketplace id do not match with original order: the order {0} is not that of {1}"


class PartnerTellsItself(Refusal):
    status, code = 409, "OMS003"
    text = "{0} is an account here and reports this by itself"


class OnlySellerCancels(Refusal):
    status, code = 409, "OMS003"
    text = (
        "Only a key of seller {0} cancels as the seller; the store asks by"
        " /api/oms/pvt/orders/{1}/cancel"
    )


class InvalidMarketplaceOrder(Refusal):
    """A marketplace's order that cannot become one: `fields` says each that is wrong."""

    text = "{1}"

    def __init__(self, code: str, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.code = code  # type: ignore[misc]
        self.fields = fields or {}


class SellerRefusedOrder(Refusal):
    """A seller does not take the order that is placed with it."""

    code, text = "CHK0162", "Invalid seller: {0}"


class SellerInactive(Refusal):
    code, text = "CHK0045", "Seller {0} is inactive"


class SellerNotChanged(Refusal):
    """A change of seller that is not possible: a code of contract 01 §5, and what is in its way."""

    TEXTS: ClassVar[dict[str, str]] = {
        "CHK0047": "Seller switching can only be done in the payment-pending,"
        " waiting-for-authorization and window-to-change-seller states",
        "CHK0145": "Invalid marketplace payment value or Payment Data",
        "CHK0165": "Change seller cannot be done to chain orders",
        "CHK0187": "Change seller cannot be done when order has changes",
        "CHK0188": "Change seller cannot be done when current seller is external (Not VTEX)",
        "CHK0189": "Change seller cannot be done when the new order has pickup delivery",
        "CHK0190": "Change seller cannot be done when order has settlements",
        "CHK0191": "Change seller cannot be done without shipping information for all items",
        "CHK0192": "Change seller cannot be done when order has split of payments"
        " without credit cards",
        "CHK0193": "Change seller cannot be done when order has taxes",
        "CHK0195": "Change seller cannot be done to same seller",
    }

    def __init__(self, code: str, why: str) -> None:
        Exception.__init__(self, code, why)
        self.code = code  # type: ignore[misc]
        self.message = f"{self.TEXTS[code]}: {why}"


class OutboxMessageNotFound(Refusal):
    status, code, text = 404, "OMS404", "Message {0} not found"


class TaskNotFound(Refusal):
    status, code, text = 404, "OMS404", "Task {0} not found"


class NoteNotFound(Refusal):
    status, code, text = 404, "OMS404", "Note {0} not found"


class TooManyNotes(Refusal):
    text = "The order has {0} notes, expected at most {0}"


class OutboxMessageCompleted(Refusal):
    status, code = 409, "OMS003"
    text = (
        "The message {0} cannot be skipped: it was delivered, or is being delivered at this moment"
    )


class PaymentDenied(Refusal):
    status, code, text = 500, "001", "The payment was denied: use another payment and try again"


class PaymentDataMissing(PaymentDenied):
    text = "Failure to send the payment data: a card is sent before its order is processed"


class InvalidEventContent(Refusal):
    """What was recorded could never be shown again; refused before it is recorded."""

    text = "A field of the request has a type or size that no order document can show: {0}"


class InvalidPlacement(Refusal):
    """A placement that cannot become an order; code and message are those of the table 05 §4."""

    def __init__(self, code: str, message: str) -> None:
        Exception.__init__(self, code, message)
        self.code = code  # type: ignore[misc]
        self.message = message
