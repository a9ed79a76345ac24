"""Why a modification may not be: the published tables of both generations, row by row."""

from typing import ClassVar

from oms_ledger.refusal import Refusal


class ChangeRefused(Refusal):
    """v1 publishes messages without codes: `OMS010` stands for all of them."""

    code: ClassVar[str] = "OMS010"


# v1


class NegativeModification(ChangeRefused):
    """A discount or an increment below 0."""

    text = "The modification value needs to be greater or equal than zero"


class InvalidModification(ChangeRefused):
    """It changes nothing: no lines, and a discount that equals the increment."""

    text = "Invalid modification for order"


class InvalidModificationItem(ChangeRefused):
    """A line that is added or removed without an id."""

    text = "Invalid id for item"


class ReasonNotSet(ChangeRefused):
    """A reason that is missing or blank."""

    text = "Field reason not set"


class ModificationNotInHandling(ChangeRefused):
    """An order that the account delivers is not in handling, or past it."""

    text = (
        "It is only allowed to register an order modification when the order is in handling:"
        " status = handling, waiting for fulfillment or ready for invoicing"
    )


class ModificationOfChain(ChangeRefused):
    """A chain order whose marketplace is an account here, which is changed there."""

    text = "It is not allowed to make modifications to chain orders"


class MarketplaceNotAsked(Refusal):
    """The outsider that sold the order did not say yes to its change."""

    code, text = "CHK0291", "An error has occurred during communication with the MOI service"


class ModificationOfExternalSeller(ChangeRefused):
    """Ours: a seller outside agrees to v2 changes alone."""

    text = "An external seller delivers this order: ask for a v2 change"


class ModificationNotApproved(ChangeRefused):
    """An order that others deliver is not where it takes a change."""

    text = (
        "It is only allowed to register a modification in the order when the payment is approved"
        " - status = payment-approved"
    )


class ModificationExceedsPrice(ChangeRefused):
    """It takes off more than the order costs, or than is not invoiced yet."""

    text = "The value of the modification exceeds the order's price"


class ModificationWithoutPayment(ChangeRefused):
    """The order has payments of its own and no transaction."""

    text = "Impossible cancel order {0} - Payment not found"


class ModificationWithoutWorkflow(ChangeRefused):
    """The code that every command gets from an incomplete order (contract 01 §3.1)."""

    code, text = "CHK0200", "Workflow not found for order {0}"


class TooManyModifications(ChangeRefused):
    """The order has as many v1 changes as it may have; the argument is how many."""

    text = "Max allowed modifications for order exceeded: {0}"


class ModificationItemNotFound(ChangeRefused):
    """A line is removed that the order has not, or added that nobody knows the price of."""

    status, text = 404, "404 Not Found"


class InvalidQuantityToRemove(ChangeRefused):
    """More units are removed than are not invoiced; the argument is the SKU."""

    text = "Invalid quantity to remove from item {0}"


class ModificationPaymentCannotIncrease(ChangeRefused):
    """It costs more, and no payment of the order can be raised."""

    text = (
        "It's not allowed to make modifications in orders without a credit card payment,"
        " promissory card, cash, or credit control"
    )


class ModificationSettled(ChangeRefused):
    """More was captured already than the order would cost."""

    text = "Modification cannot be done. Possible reason: settlement directly done by API"


class ModificationGatewayFailed(ChangeRefused):
    """The gateway did not answer for an increase, so that nothing is registered."""

    status, text = 500, "500 Internal Server Error"


class ChangedByV2(ChangeRefused):
    """A v2 change was applied to the order: v1 is no longer for it."""

    code = "SalesOrderSystem015"
    text = (
        "A Change V2 has already been applied to this order. Orders can only contain one Change"
        " Order version at a time."
    )


# v2


class InvalidChangeItem(Refusal):
    """A line without an id, or a new one where the request's prices are not trusted."""

    code, text = "CHK0022", "Invalid id for item."


class ChangePriceMissing(Refusal):
    """Ours: a new line without a price, of a SKU that the order does not have."""

    code = "CHK0022"
    text = "Invalid id for item. {0} has no price on offer: send its price with the request"


class InvalidChangeQuantity(Refusal):
    """A line of less than one unit."""

    code, text = "CHK0023", "Invalid quantity for item."


class ChangeExceedsPrice(Refusal):
    """It takes off more than the order costs, or than is not invoiced yet."""

    code, text = "CHK0034", "The value of the change exceed the order's price."


class ChangeOfChain(Refusal):
    """A chain order, which v2 does not change."""

    code, text = "CHK0095", "Changes in chain orders are not allowed."


class ChangeSettled(Refusal):
    """As much was captured already as the order would cost, or more."""

    code = "CHK0096"
    text = "Change cannot be done. Possible reason: settlement directly done by API."


class NegativeChange(Refusal):
    """A manual discount or increment below 0."""

    code, text = "CHK0098", "The change value needs to be greater or equal than zero."


class InvalidChange(Refusal):
    """It changes nothing, leaves no line, or comes to an order in no status for it."""

    code, text = "CHK0124", "Invalid change for order."


class ChangeWithoutPayment(Refusal):
    """The order has no transaction that a difference could be paid by."""

    code, text = "CHK0196", "Cannot cancel order {0} - Payment not found."


class ChangeWithoutWorkflow(Refusal):
    """The order is incomplete: its workflow has not begun."""

    code, text = "CHK0229", "Workflow not found for order {0}."


class ChangeRequestNotFound(Refusal):
    """The order has no change request of that id."""

    status, code, text = 404, "CHK0289", "Change order request {0} not found."


class ChangeOrderNotFound(Refusal):
    """On the path of participants, which is none of the published order paths."""

    status, code, text = 404, "CHK0201", "Order {0} not found."


class ChangeOrderGroupNotFound(Refusal):
    """The group of the order is not there: published, though orders here keep theirs."""

    status, code, text = 404, "CHK0199", "OrderGroup {0} not found."


class ChangePaymentCannotIncrease(Refusal):
    """It costs more, and no payment of the order can be raised."""

    code, text = "CHK00342", "Change order cannot increase the value for this payment method."


class ChangeOfCanceledOrder(Refusal):
    """The order is canceled, or is being canceled, or another took its place."""

    code, text = "SalesOrderSystem008", "Cannot Change Cancelled Order."


class ChangeItemNotInOrder(Refusal):
    """The line that is named is not in the order; the second argument is the operation."""

    code = "SalesOrderSystem010"
    text = (
        "It's not possible to remove the item of ID {0} from the original order. Validate your {1}"
        " operation items IDs."
    )


class ChangeTooManyUnits(Refusal):
    """More units are taken away than the line has; the first argument is how many it has."""

    code = "SalesOrderSystem011"
    text = (
        "It's not possible to remove more than {0} quantities of the item of ID {1} from the"
        " original order. Validate your items quantities at Remove or Replace From operations."
    )


class ChangeLogisticsUnclear(Refusal):
    """No delivery is named for a new line, and the order has several."""

    code = "SalesOrderSystem012"
    text = (
        "The logistics information couldn't be determined for the item due to the presence of"
        " multiple options."
    )


class ChangeLogisticsNotFound(Refusal):
    """The delivery that is named is none of the order's."""

    code = "SalesOrderSystem013"
    text = "The logistics information provided was not found on the order."


class ChangeInProgress(Refusal):
    """Another change is on its way: it can be tried again in some seconds."""

    status, code, text = 409, "SalesOrderSystem014", "Change In Progress."
    retry_after = 5


class ChangedByV1(Refusal):
    """A v1 change was registered: v2 is no longer for the order."""

    code = "SalesOrderSystem015"
    text = (
        "A Change V1 has already been applied to this order. Orders can only contain one Change"
        " Order version at a time."
    )


class CannotRetryChange(Refusal):
    """The change request has ended, by being done or canceled."""

    code, text = "SalesOrderSystem016", "Cannot Retry Change."


class ChangeGivenUp(Refusal):
    """What the history says of a request that came to nothing within its day."""

    code = "SalesOrderSystem017"
    text = "Change process was automatically canceled after failed retries."


class ParticipantUnreachable(Refusal):
    """Who else has the sale cannot be asked whether it agrees."""

    code, text = "SalesOrderSystem018", "Unable to communicate with Participants Client."


class CannotUpdateChangeSettings(Refusal):
    """Somebody else is writing the settings at this moment."""

    status, code, text = 409, "SalesOrderSystem019", "Cannot Update Change Order Settings."
    retry_after = 1


class ChangeItemAmbiguous(Refusal):
    """Several lines have the SKU, or the SKU is not that of the unique id."""

    code = "SalesOrderSystem026"
    text = (
        "Unable to match an item to the information provided. Try providing the item's uniqueId"
        " for identification."
    )


class ChangeSettingsNotFound(Refusal):
    """The account has no settings of changes under that id."""

    code, text = "SalesOrderSystem027", "Change Settings Not Found."


class ChangeWithManyAddresses(Refusal):
    """A new product, in an order whose lines go to several addresses."""

    code = "SalesOrderSystem029"
    text = "Cannot Add New Products At Change Order When Order Has Multiple Address."


class InvalidAgreementType(Refusal):
    """The agreement that a participant answers with is of no known type."""

    code, text = "SalesOrderSystem035", "The {0} is not a valid Agreement Type."


class InvalidChangeAddress(Refusal):
    """The address that is named is none of the order's."""

    code, text = "SalesOrderSystem045", "Invalid address."


class ChangeAlreadyInvoiced(Refusal):
    """Units that the change takes away are invoiced."""

    code = "SalesOrderSystem046"
    text = "The order change is not allowed after the item invoice has been issued."


class ChangeOfAddressNotAllowed(Refusal):
    """Another line would get another address than the one it takes the place of."""

    code, text = "SalesOrderSystem047", "The address change is not allowed."


class ChangeOfAddressWithPackages(Refusal):
    """An address would change after something was packed."""

    code = "SalesOrderSystem048"
    text = "The address change is not allowed when there are packages associated."


class ChangeWithTaxHub(Refusal):
    """The account recalculates taxes by a tax hub, and the lines leave from several docks."""

    code = "SalesOrderSystem051"
    text = "Change order not allowed with tax hub and multiple delivery docks."


class ChangeOfMeasurementUnit(Refusal):
    """Units are added to a line that counts in another unit."""

    code = "SalesOrderSystem055"
    text = "Item modification is not allowed when the measurement unit differs from the original."
