"""Every reason the answer can be no: HTTP code, published code and message in one place."""

from typing import ClassVar

from oms_ledger.refusal import Refusal


class OrderNotFound(Refusal):
    """The account has no order of that id."""

    status, code, text = 404, "OMS007", "Order Not Found"


class OrderGroupNotFound(Refusal):
    """The account has no purchase of that group."""

    status, code, text = 404, "CHK0199", "Order Group {0} not found"


class TransactionNotFound(Refusal):
    """No purchase of the account has that transaction."""

    status, code, text = 404, "CHK004", "There is no active transaction {0}"


class PaymentNotFound(Refusal):
    """The transaction has no payment of that id."""

    status, code, text = 404, "CHK0181", "Payment {0} not found"


class NoWorkflow(Refusal):
    """The order is incomplete: its payments were not processed."""

    code, text = "CHK0200", "Incompleted orders cannot change status"


class IncompleteFulfillment(NoWorkflow):
    """As a marketplace gets it."""

    code = "FMT0056"


class PlacementTooOld(Refusal):
    """The payments came too late; the order stays incomplete."""

    code = "CHK0200"
    text = "The order {0} was not paid within 5 minutes of its placement: place it again"


class OrderAlreadyBought(Refusal):
    """What is in the cart was bought by another order; the argument is this order's id."""

    code = "CHK0085"
    text = "The order already exists: what is in {0} was bought in another order of the same cart"


class NotReadyForHandling(Refusal):
    """The order is in another status than the one in which handling begins."""

    status, code = 409, "OMS003"
    text = "Order status should be ready-for-handling to perform this action"


class StepNotAllowed(Refusal):
    """A step that handling may be split into, which the account does not use."""

    status, code = 409, "OMS003"
    text = "Order status is {0}: it cannot become {1}, which follows handling and is a setting"


class Busy(Refusal):
    """The order is in a status that it leaves by itself: it is refused for the moment alone."""

    status, code = 409, "OMS003"
    text = "The order is in {0}, a status it leaves by itself: try again in a moment"


class UnknownPayment(Refusal):
    """The order has no payment of that id."""

    status, code, text = 404, "CHK0181", "Payment {0} not found in this order"


class NotThatMuch(Refusal):
    """More cents than are held or captured: the arguments are value, what for, and the rest."""

    code, text = "CHK0154", "Invalid payment value: found {0} to {1}, no more than {2} is left"


class PaymentNotPending(Refusal):
    """The order is past its payment, or has not come to it."""

    code = "CHK0242"
    text = "The order is in status {0}: a payment can be notified in payment-pending only"


class InvoiceNotAllowed(Refusal):
    """The order is in a status in which nothing is invoiced."""

    code, text = "ORD039", "Order {0} is in state {1} and cannot accept invoice"


class InvoiceNotFound(Refusal):
    """The order has no invoice of that number."""

    status, code, text = 404, "ORD038", "Invoice Not Found"


class InvoiceExceedsOrder(Refusal):
    """The invoices would come to more than the order costs."""

    text = "Invoice value exceeds order value"


class InvoiceWithoutValue(Refusal):
    """An invoice of 0 cents while something is left; the argument is how much."""

    text = "invoiceValue: found 0, expected cents above 0: {0} of the order's value are left"


class InvoiceNumberTaken(Refusal):
    """The number is that of an invoice with other content."""

    text = "Invoice {0} already exists with another type or content: use another invoiceNumber"


class InputBeforeOutput(Refusal):
    """Nothing was shipped that could come back."""

    text = "An Input invoice needs an Output invoice before it"


class UnknownInvoiceItem(Refusal):
    """A line that the order does not have, as it is invoiced."""

    code, text = "CHK0022", "Invalid id for item: {0} is not in the order"


class TooManyInvoiceItems(Refusal):
    """More units than are left; the second argument is how many are."""

    code, text = "CHK0023", "Invalid quantity for item: no more than {1} of {0} left to invoice"


class InvalidItemIndex(Refusal):
    """The order has no line at that place."""

    code, text = "CHK0041", "Invalid item index: the order has no line {0}"


class InvalidRefund(Refusal):
    """A return without items that gives nothing back, in cents."""

    code = "ORD057"
    text = "Invalid value for refund: {0}, without items it must be more than 0"


class NothingToRefund(Refusal):
    """Nothing was captured that could be given back."""

    code, text = "CHK0240", "Order {0} dont have value to refund"


class RefundExceedsCaptured(Refusal):
    """More cents than are left of what was captured; the argument is how many are."""

    code, text = "CHK0054", "Unable to use the restitution Refund more than {0}"


class DeliveryUndone(Refusal):
    """A package that arrived cannot be on its way again."""

    text = "Invoice {0} was delivered already: isDelivered cannot become false again"


class CancellationNotAllowed(Refusal):
    """The order is shipped, and not all of it came back."""

    code = "CHK0202"
    text = "Order {0} cannot be cancelled in status {1}: it has invoices that were not all returned"


class UnknownCancellationRequest(Refusal):
    """The id is of no request that this order has."""

    text = "cancellationRequestId: found {0!r}, no cancellation request of this order has that id"


class DenialNotAllowed(Refusal):
    """Nobody waits for the seller's word about a cancellation."""

    text = "Order {0} is in status {1}: no cancellation request waits for a decision"


class AuthorizationNotAllowed(Refusal):
    """An order that the account sold itself needs no word of a marketplace."""

    text = "The order {0} is no seller's order: it needs no authorization of its dispatch"


class OrderIsCanceled(Refusal):
    """A marketplace paid for an order that is canceled."""

    code, text = "EOI009", "Order out of valid status to approve: {0} is canceled"


class ManualAuthorizationNeeded(Refusal):
    """A person decides about the difference in price first."""

    status, code = 409, "EOI011"
    text = "Price divergence waits for manual authorization of the order {0}"


class NotAwaitingAuthorization(Refusal):
    """The order is in a status in which there is nothing to authorize."""

    status, code = 409, "OMS003"
    text = "The order is in status {0}: there is nothing to authorize"


class NotYourOrder(Refusal):
    """A seller speaks of an order that is not its own."""

    status, code = 403, "CHK003"
    text = "Access denied. The order {0} is not fulfilled by {1}"


class PriceDiverges(Refusal):
    """The marketplace paid too little or too much, in cents, by the account's ranges."""

    code, text = "FMT007", "Payment total ({0}) differs from store desired value ({1})"


class OffersSilent(Refusal):
    """Whether there is enough cannot be said now; nothing was recorded."""

    status, code, retry_after = 503, "ORD015", 5
    text = "The offers of {0} do not answer: try again in a moment"


class OffersBroken(OffersSilent):
    """They answered, with a fault of their own."""


class UnknownAffiliate(Refusal):
    """The account has no affiliate of that id."""

    code, text = "FMT0021", "Invalid affiliate id: the account has no affiliate {0}"


class OtherMarketplaceGroup(Refusal):
    """The group that a marketplace names is not the order's."""

    code = "CHK0144"
    text = "marketplaceOrderGroup: the order {0} is not of the group {1}"


class OrderIdTaken(Refusal):
    """The marketplace sent another order under the same id."""

    status, code = 409, "FMT009"
    text = (
        "The request order with marketplace order id {0} for affiliate {1} already exists,"
        " with another content"
    )


class OrderNotRecreated(Refusal):
    """The marketplace sent an order again that was canceled since."""

    code = "FMT0060"
    text = (
        "The request order with marketplace order id {0} for affiliate {1} is already canceled"
        " and cannot be recreated"
    )


class OtherMarketplaceOrder(Refusal):
    """The id that a marketplace names is not the one it gave the order."""

    code = "FMT0071"
    text = "Marketplace id do not match with original order: the order {0} is not that of {1}"


class PartnerTellsItself(Refusal):
    """Another account here reports this by itself; nobody may say it for it."""

    status, code = 409, "OMS003"
    text = "{0} is an account here and reports this by itself"


class OnlySellerCancels(Refusal):
    """Only the seller's own key says that the seller cannot deliver."""

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
    """No order may be placed at the seller, by the register of sellers."""

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
    """No message of the account has that id, in the channels that are looked at."""

    status, code, text = 404, "OMS404", "Message {0} not found"


class TaskNotFound(Refusal):
    """The account has no task of that id."""

    status, code, text = 404, "OMS404", "Task {0} not found"


class NoteNotFound(Refusal):
    """The order has no note of that id."""

    status, code, text = 404, "OMS404", "Note {0} not found"


class TooManyNotes(Refusal):
    """The order has as many notes as the account lets it have."""

    text = "The order has {0} notes, expected at most {0}"


class OutboxMessageCompleted(Refusal):
    """The message is delivered or under way: it cannot be left out any more."""

    status, code = 409, "OMS003"
    text = (
        "The message {0} cannot be skipped: it was delivered, or is being delivered at this moment"
    )


class PaymentDenied(Refusal):
    """The gateway denied the payment: the purchase is not placed."""

    status, code, text = 500, "001", "The payment was denied: use another payment and try again"


class PaymentDataMissing(PaymentDenied):
    """A card is to be charged whose data never came."""

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
