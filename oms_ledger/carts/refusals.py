"""Why a cart can say no: published codes with their sentences."""

from typing import ClassVar

from oms_ledger.refusal import Refusal


class CartRefusal(Refusal):
    """A request that a cart cannot follow; nothing of it was done."""

    TEXTS: ClassVar[dict[str, str]] = {
        "CHK002": "The endpoint to gateway has not been provided",
        "CHK003": "Access denied",
        "CHK008": "Section {0} is not recognized",
        "CHK0010": "There isn't any sales channel available",
        "CHK0016": "Payment value does not match with reference value",
        "CHK0017": "The Order Form Text field has exceeded the character limit",
        "CHK0022": "Invalid id for item",
        "CHK0023": "Invalid quantity for item",
        "CHK0024": "Invalid seller for item",
        "CHK0025": "Invalid price for item",
        "CHK0036": "Invalid store for check-in",
        "CHK0038": "The {0} field in the marketing attachment is invalid",
        "CHK0040": 'The postal code field not accept the characters: < > ? + " ; % *',
        "CHK0041": "Invalid item index",
        "CHK0045": "Seller {0} is inactive",
        "CHK0053": "Invalid price tag",
        "CHK0062": "Max allowed items exceeded: {0}",
        "CHK0085": "The order already exists",
        "CHK0090": "App id not found",
        "CHK0091": "App key not found for id {0}",
        "CHK0099": "Field {0} has exceeded limit of characters",
        "CHK0108": "Duplicated item index",
        "CHK0119": "Addresses must have postal code or geocoordinates",
        "CHK0121": "Invalid app fields",
        "CHK0122": "Invalid app id",
        "CHK0123": "Invalid app version major",
        "CHK0127": "Invalid country",
        "CHK0139": "The attachment key {0} is invalid",
        "CHK0140": "The name of attachment is invalid",
        "CHK0141": "The attachment value {0} for key {1} is invalid",
        "CHK0151": "Invalid payment reference value",
        "CHK0152": "Invalid payment system",
        "CHK0166": "Invalid subscription",
        "CHK0171": "The selected SLA for item {0}({1}) is not available",
        "CHK0172": "Invalid item assembly",
        "CHK0179": "Address id not found",
        "CHK0209": "There's no payment selected",
        "CHK0210": "Payment value doesn't match with requested value",
        "CHK0232": "Fail to get informations of the gift registry",
        "CHK0248": (
            "The minimum quantity for items {0} that must be accumulated in cart has not been"
            " reached"
        ),
        "CHK0264": "Pickup not found",
        "CHK0269": "Orderform does not have installment options",
        "CHK0288": "Invalid configuration",
        "CHK0292": "A lock operation timed out",
        "CHK00318": "Invalid ordination",
        "OMS004": "{0}",
        "ORD001": "The CEP ({0}) field in the shipping attachment is invalid",
        "ORD002": "Invalid order form",
        "ORD004": "The cart total is negative",
        "ORD005": "The purchase cannot be done without items",
        "ORD006": "The {0} field in the shipping attachment is invalid",
        "ORD007": "The {0} field in the client profile attachment is invalid",
        "ORD009": "Payment value is different from order value",
        "ORD015": "Unable to communicate with seller {0}",
        "ORD020": "Invalid payment",
        "ORD025": "Item {0} had some empty required attachment",
        "ORD026": "Invalid country {0}: expected three letters",
        "ORD030": "Multiple address countries are not allowed",
        "ORD031": "Multiple delivery addresses are not allowed",
        "ORD035": "Duplicate app",
        "ORD036": "The minimum value {0} of a cart has not been reached",
        "ORD042": "Invalid installments quantity",
        "ORD044": "Invalid address for item",
        "ORD045": "Shipping data is required",
        "ORD046": "Delivery window is required",
        "ORD047": "Invalid delivery window",
        "ORD048": "Invalid address for pickup",
        "ORD055": "Item Id is required",
        "ORD058": "Item index is missing",
        "ORD062": "Unauthorized",
        "001": "Invalid value",
    }
    STATUSES: ClassVar[dict[str, int]] = {
        "CHK003": 403,
        "CHK0090": 404,
        "CHK0091": 404,
        "CHK0292": 503,
        "ORD015": 503,
        "ORD062": 401,
    }

    def __init__(
        self, code: str, *about: object, place: str = "", status: int | None = None
    ) -> None:
        Exception.__init__(self, code, *about)
        self.code = code  # type: ignore[misc]
        self.status = status or self.STATUSES.get(code, 400)  # type: ignore[misc]
        if self.status == 503:
            self.retry_after = 1  # type: ignore[misc]
        text = self.TEXTS[code].format(*about)
        self.message = f"{text}: {place}" if place else text
