"""Why a modification may not be: the published tables of both generations, row by row."""

from typing import ClassVar

from oms_ledger.refusal import Refusal


class ChangeRefused(Refusal):
    """v1 publishes messages without codes: `OMS010` stands for all of them."""

    code: ClassVar[str] = "OMS010"


# v1


class NegativeModification(ChangeRefused):
    text = "The modification value needs to be greater or equal than zero"


class InvalidModification(ChangeRefused):
    text = "Invalid modification for order"


class InvalidModificationItem(ChangeRefused):
    text = "Invalid id for item"


class ReasonNotSet(ChangeRefused):
    text = "Field reason not set"


class ModificationNotInHandling(ChangeRefused):
    text = (
        "It is only allowed to register an order modification when the order is in handling:"
        " status = handling, waiting for fulfillment or ready for invoicing"
    )


class ModificationOfChain(ChangeRefused):
    text = "It is not allowed to make modifications to chain orders"


class MarketplaceNotAsked(Refusal):
    """The outsider that sold the order did not say yes to its change."""

    code, text = "CHK0291", "An error has occurred during communication with the MOI service"


class ModificationOfExternalSeller(ChangeRefused):
    text = "An external seller delivers this order: ask for a v2 change"


class ModificationNotApproved(ChangeRefused):
    text = (
        "It is only allowed to register a modification in the order when the payment is approved"
        " - status = payment-approved"
    )


class ModificationExceedsPrice(ChangeRefused):
    text = "The value of the modification exceeds the order's price"


class ModificationWithoutPayment(ChangeRefused):
    text = "Impossible cancel order {0} - Payment not found"


class ModificationWithoutWorkflow(ChangeRefused):
    """The code that every command gets from an incomplete order (contract 01 §3.1)."""

    code, text = "CHK0200", "Workflow not found for order {0}"


class TooManyModifications(ChangeRefused):
    text = "Max allowed modifications for order exceeded: {0}"


class ModificationItemNotFound(ChangeRefused):
    status, text = 404, "404 Not Found"


class InvalidQuantityToRemove(ChangeRefused):
    text = "Invalid quantity to remove from item {0}"


class ModificationPaymentCannotIncrease(ChangeRefused):
    text = (
        "It's not allowed to make modifications in orders without a credit card payment,"
        " promissory card, cash, or credit control"
    )


class ModificationSettled(ChangeRefused):
    text = "Modification cannot be done. Possible reason: settlement directly done by API"


class ModificationGatewayFailed(ChangeRefused):
    status, text = 500, "500 Internal Server Error"


class ChangedByV2(ChangeRefused):
    code = "SalesOrderSystem015"
    text = (
        "A Change V2 has already been applied to this order. Orders can only contain one Change"
        " Order version at a time."
    )


# v2


class InvalidChangeItem(Refusal):
    code, text = "CHK0022", "Invalid id for item."


class ChangePriceMissing(Refusal):
    code = "CHK0022"
    text = "Invalid id for item. {0} has no price on offer: send its price with the request"


class InvalidChangeQuantity(Refusal):
    code, text = "CHK0023", "Invalid quantity for item."


class ChangeExceedsPrice(Refusal):
    code, text = "CHK0034", "The value of the change exceed the order's price."


class ChangeOfChain(Refusal):
    code, text = "CHK0095", "Changes in chain orders are not allowed."


class ChangeSettled(Refusal):
    code = "CHK0096"
    text = "Change cannot be done. Possible reason: settlement directly done by API."


class NegativeChange(Refusal):
    code, text = "CHK0098", "The change value needs to be greater or equal than zero."


class InvalidChange(Refusal):
    code, text = "CHK0124", "Invalid change for order."


class ChangeWithoutPayment(Refusal):
    code, text = "CHK0196", "Cannot cancel order {0} - Payment not found."


class ChangeWithoutWorkflow(Refusal):
    code, text = "CHK0229", "Workflow not found for order {0}."


class ChangeRequestNotFound(Refusal):
    status, code, text = 404, "CHK0289", "Change order request {0} not found."


class ChangeOrderNotFound(Refusal):
    """On the path of participants, which is none of the published order paths."""

    status, code, text = 404, "CHK0201", "Order {0} not found."


class ChangePaymentCannotIncrease(Refusal):
    code, text = "CHK00342", "Change order cannot increase the value for this payment method."


class ChangeOfCanceledOrder(Refusal):
    code, text = "SalesOrderSystem008", "Cannot Change Cancelled Order."


class ChangeItemNotInOrder(Refusal):
    code = "SalesOrderSystem010"
    text = (
        "It's not possible to remove the item of ID {0} from the original order. Validate your {1}"
        " operation items IDs."
    )


class ChangeTooManyUnits(Refusal):
    code = "SalesOrderSystem011"
    text = (
        "It's not possible to remove more than {0} quantities of the item of ID {1} from the"
        " original order. Validate your items quantities at Remove or Replace From operations."
    )


class ChangeLogisticsUnclear(Refusal):
    code = "SalesOrderSystem012"
    text = (
        "The logistics information couldn't be determined for the item due to the presence of"
        " multiple options."
    )


class ChangeLogisticsNotFound(Refusal):
    code = "SalesOrderSystem013"
    text = "The logistics information provided was not found on the order."


class ChangeInProgress(Refusal):
    status, code, text = 409, "SalesOrderSystem014", "Change In Progress."
    retry_after = 5


class ChangedByV1(Refusal):
    code = "SalesOrderSystem015"
    text = (
        "A Change V1 has already been applied to this order. Orders can only contain one Change"
        " Order version at a time."
    )


class CannotRetryChange(Refusal):
    code, text = "SalesOrderSystem016", "Cannot Retry Change."


class ChangeGivenUp(Refusal):
    code = "SalesOrderSystem017"
    text = "Change process was automatically canceled after failed retries."


class ParticipantUnreachable(Refusal):
    code, text = "SalesOrderSystem018", "Unable to communicate with Participants Client."


class CannotUpdateChangeSettings(Refusal):
    status, code, text = 409, "SalesOrderSystem019", "Cannot Update Change Order Settings."
    retry_after = 1


class ChangeItemAmbiguous(Refusal):
    code = "SalesOrderSystem026"
    text = (
        "Unable to match an item to the information provided. Try providing the item's uniqueId"
        " for identification."
    )


class ChangeSettingsNotFound(Refusal):
    code, text = "SalesOrderSystem027", "Change Settings Not Found."


class ChangeWithManyAddresses(Refusal):
    code = "SalesOrderSystem029"
    text = "Cannot Add New Products At Change Order When Order Has Multiple Address."


class InvalidAgreementType(Refusal):
    code, text = "SalesOrderSystem035", "The {0} is not a valid Agreement Type."


class InvalidChangeAddress(Refusal):
    code, text = "SalesOrderSystem045", "Invalid address."


class ChangeAlreadyInvoiced(Refusal):
    code = "SalesOrderSystem046"
    text = "The order change is not allowed after the item invoice has been issued."


class ChangeOfAddressNotAllowed(Refusal):
    code, text = "SalesOrderSystem047", "The address change is not allowed."


class ChangeOfAddressWithPackages(Refusal):
    code = "SalesOrderSystem048"
    text = "The address change is not allowed when there are packages associated."


class ChangeWithTaxHub(Refusal):
    code = "SalesOrderSystem051"
    text = "Change order not allowed with tax hub and multiple delivery docks."


class ChangeOfMeasurementUnit(Refusal):
    code = "SalesOrderSystem055"
    text = "Item modification is not allowed when the measurement unit differs from the original."
