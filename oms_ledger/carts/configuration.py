"""Configuration of an account's carts, as `/api/checkout/pvt/configuration/orderForm` has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import whole

SETTING = "order_form"
MOST_APPS = MOST_NAMES = 200
Json = dict[str, Any]
_AUTHENTICATION = "requiresAuthenticationForPreAuthorizedPaymentOption"
_MINIMUM_QUANTITY = "minimumQuantityAccumulatedForItems"
DEFAULTS: Json = {
    "paymentConfiguration": {
        _AUTHENTICATION: False,
        "allowInstallmentsMerge": None,
        "blockPaymentSession": None,
        "paymentSystemToCheckFirstInstallment": None,
        "defaultPaymentSystemToApplyOnUserOrderForm": None,
    },
    "taxConfiguration": None,
    _MINIMUM_QUANTITY: 1,
    "decimalDigitsPrecision": 2,
    "minimumValueAccumulated": None,
    "apps": [],
    "allowMultipleDeliveries": False,
    "allowManualPrice": False,
    "savePersonalDataAsOptIn": False,
    "maxNumberOfWhiteLabelSellers": None,
    "maskFirstPurchaseData": None,
    "recaptchaValidation": None,
    "maskStateOnAddress": None,
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The stored parts and what they mean."""

    fields: Json

    @property
    def allow_manual_price(self) -> bool:
        """Whether those who may set prices may do so in carts."""
        return self.fields.get("allowManualPrice") is True

    @property
    def requires_login(self) -> bool:
        """Whether only a signed-in shopper places an order."""
        return self.fields.get("requiresLoginToPlaceOrder") is True

    @property
    def minimum_quantity(self) -> int:
        """Pieces that a cart needs to be placed; 0 for any."""
        return whole(self.fields.get(_MINIMUM_QUANTITY)) or 0

    @property
    def minimum_value(self) -> int:
        """Cents that a cart needs to be placed; 0 for any."""
        return whole(self.fields.get("minimumValueAccumulated")) or 0

    @property
    def app_ids(self) -> list[str]:
        """The apps, in the order in which they are configured."""
        return [app["id"] for app in self.fields.get("apps") or []]

    def app(self, app_id: str) -> Json | None:
        """A custom app as it is configured; None for one that is not."""
        return next((app for app in self.fields.get("apps") or [] if app["id"] == app_id), None)


def configuration_of(account: Account) -> Configuration:
    """The account's configuration of carts, over the defaults."""
    return Configuration({**DEFAULTS, **(account.settings.get(SETTING) or {})})


def read_configuration(body: object) -> Json:
    """A whole configuration as it is posted."""
    if not isinstance(body, dict):
        raise CartRefusal("CHK0288", place="expected an object")
    payment = body.get("paymentConfiguration")
    if not isinstance(payment, dict) or not isinstance(payment.get(_AUTHENTICATION), bool):
        raise CartRefusal("CHK0288", place=f"paymentConfiguration.{_AUTHENTICATION} is required")
    if (whole(body.get(_MINIMUM_QUANTITY)) or -1) < 0:
        raise CartRefusal("CHK0288", place=f"{_MINIMUM_QUANTITY} is required")
    return checked(body)


def merged(before: Mapping[str, Any], body: object) -> Json:
    """The configuration with the named keys of the top level set."""
    if not isinstance(body, dict):
        raise CartRefusal("CHK0288", place="expected an object")
    return checked({**before, **body})


def checked(fields: Json) -> Json:
    """The configuration once its apps and its flags are of the right form."""
    for name in ("allowManualPrice", "requiresLoginToPlaceOrder", "allowMultipleDeliveries"):
        if fields.get(name) is not None and not isinstance(fields[name], bool):
            raise CartRefusal("CHK0288", place=f"{name} must be true or false")
    return {**fields, "apps": _apps(fields.get("apps"))}


def _apps(apps: object) -> list[Json]:
    if apps is None:
        return []
    if not isinstance(apps, list):
        raise CartRefusal("CHK0122", place="apps must be a list")
    if len(apps) > MOST_APPS:
        raise CartRefusal("CHK0122", place=f"apps: found {len(apps)}, expected at most {MOST_APPS}")
    kept = [_app(app, f"apps[{number}]") for number, app in enumerate(apps)]
    known: set[str] = set()
    for number, app in enumerate(kept):
        if app["id"] in known:
            raise CartRefusal("ORD035", place=f"apps[{number}].id {app['id']}")
        known.add(app["id"])
    return kept


def _app(app: object, place: str) -> Json:
    if not isinstance(app, dict) or not isinstance(app.get("id"), str) or not app["id"]:
        raise CartRefusal("CHK0122", place=f"{place}.id")
    names = app.get("fields")
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise CartRefusal("CHK0121", place=f"{place}.fields must be a list of texts")
    if len(names) > MOST_NAMES:
        found = f"found {len(names)}, expected at most {MOST_NAMES}"
        raise CartRefusal("CHK0121", place=f"{place}.fields: {found}")
    major = whole(app.get("major", 1))
    if major is None or major < 1:
        raise CartRefusal("CHK0123", place=f"{place}.major")
    return {**app, "major": major}
