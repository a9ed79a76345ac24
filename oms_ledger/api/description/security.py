"""Which credentials an operation takes: the permission of its route says so."""

from typing import Any

from fastapi.dependencies.models import Dependant

from oms_ledger.api.auth import checkout_cookies
from oms_ledger.api.auth.checkout_access import PlaceAccess, ProcessAccess, SendAccess
from oms_ledger.api.auth.dependencies import PublicRoute
from oms_ledger.api.carts.access import COOKIE, AnybodyAccess
from oms_ledger.api.masterdata.access import MasterDataPermission
from oms_ledger.services.accounts import user_tokens

Requirement = dict[str, list[str]]

KEY: Requirement = {"appKey": [], "appToken": []}
TOKEN: list[Requirement] = [{"bearer": []}, {"userToken": []}, {"userCookie": []}]
KNOWN: list[Requirement] = [KEY, *TOKEN]
NOBODY: Requirement = {}


def _key(where: str, name: str, description: str) -> dict[str, Any]:
    return {"type": "apiKey", "in": where, "name": name, "description": description}


SCHEMES: dict[str, Any] = {
    "appKey": _key("header", "X-VTEX-API-AppKey", "The app key; goes with its token."),
    "appToken": _key("header", "X-VTEX-API-AppToken", "The token of the app key."),
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A user token: of an app key, or of a shopper.",
    },
    "userToken": _key("header", user_tokens.COOKIE, "A user token, in a header of its own."),
    "userCookie": _key("cookie", user_tokens.COOKIE, "A user token, as a cookie."),
    "checkoutCookie": _key(
        "cookie", checkout_cookies.AUTH, "Set by a placement: it opens that purchase for an hour."
    ),
    "cartCookie": _key("cookie", COOKIE, "Names the cart of a browser."),
}


def access_of(dependant: Dependant) -> object | None:
    """The dependency of a route that lets callers in."""
    waiting = [dependant]
    while waiting:
        one = waiting.pop()
        if getattr(one.call, "operation", None):
            return one.call
        waiting += one.dependencies
    return None


def is_public(dependant: Dependant) -> bool:
    """Whether anybody may call the operation."""
    return isinstance(access_of(dependant), PublicRoute)


def security_of(dependant: Dependant) -> list[Requirement]:
    """The alternatives by which a caller may come in; an empty requirement is nobody at all."""
    match access_of(dependant):
        case PublicRoute():
            return []
        case ProcessAccess():
            return [{"checkoutCookie": []}, *KNOWN]
        case AnybodyAccess(operation="read_placed_orders"):
            return [{"checkoutCookie": []}, *KNOWN, NOBODY]
        case PlaceAccess(operation="use_cart"):
            return [*KNOWN, {"cartCookie": []}, NOBODY]
        case PlaceAccess() | SendAccess() | AnybodyAccess() | MasterDataPermission(anonymous=True):
            return [*KNOWN, NOBODY]
        case _:
            return KNOWN
