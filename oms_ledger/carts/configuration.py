"""Configuration of an account's carts, as `/api/checkout/pvt/configuration/orderForm` has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import whole

SETTING = "order_form"
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
        return self.fields.get("allowManualPrice") is True

    @property
    def requires_login(self) -> bool:
        return self.fields.get("requiresLoginToPlaceOrder") is True

    @property
    def minimum_quantity(self) -> int:
        return whole(self.fields.get(_MINIMUM_QUANTITY)) or 0

    @property
    def minimum_value(self) -> int:
        return whole(self.fields.get("minimumValueAccumulated")) or 0

    def app(self, app_id: str) -> Json | None:
        return next((app for app in self.fields.get("apps") or [] if app["id"] == app_id), None)


def configuration_of(account: Account) -> Configuration:
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
    apps = fields.get("apps")
    if apps is None:
        return {**fields, "apps": []}
    if not isinstance(apps, list):
        raise CartRefusal("CHK0122", place="apps must be a list")
    known: set[str] = set()
    kept = []
    for number, app in enumerate(apps):
        place = f"apps[{number}]"
        if not isinstance(app, dict) or not isinstance(app.get("id"), str) or not app["id"]:
            raise CartRefusal("CHK0122", place=f"{place}.id")
        names = app.get("fields")
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise CartRefusal("CHK0121", place=f"{place}.fields must be a list of texts")
        major = whole(app.get("major", 1))
        if major is None or major < 1:
            raise CartRefusal("CHK0123", place=f"{place}.major")
        if app["id"] in known:
            raise CartRefusal("ORD035", place=f"{place}.id {app['id']}")
        known.add(app["id"])
        kept.append({**app, "major": major})
    return {**fields, "apps": kept}
