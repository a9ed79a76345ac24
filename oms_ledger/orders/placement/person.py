"""Who buys and where to: the profile and the addresses of a placement."""

import re
from collections.abc import Callable

from oms_ledger.orders.events import Json
from oms_ledger.orders.placement.reading import objects, optional_object, refuse, required_object

_TEXTS = {"firstName", "lastName", "documentType", "document", "phone"} | {
    "corporateName",
    "tradeName",
    "corporateDocument",
    "stateInscription",
    "corporatePhone",
}
_ADDRESS_TEXTS = (
    *("receiverName", "street", "number", "complement", "neighborhood", "reference"),
    *("postalCode", "city", "state", "country", "addressType", "addressId"),
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_LONGEST = 2000
_MASK = "***"


def read_profile(body: Json) -> Json:
    """Read the client's profile, its fields as texts; a masked text is refused."""
    profile = required_object(body, "clientProfileData", "ORD007")
    email = profile.get("email")
    if not isinstance(email, str) or len(email) > 254 or not _EMAIL.fullmatch(email):
        raise refuse("ORD007", f"clientProfileData.email: found {email!r}, expected an e-mail")
    if _MASK in email:
        raise _masked("ORD007", "clientProfileData.email")
    return {**profile, **{name: _profile_text(profile, name) for name in _TEXTS & profile.keys()}}


def _profile_text(profile: Json, name: str) -> str | None:
    """Some clients send documents and telephones as numbers."""
    given, place = profile[name], f"clientProfileData.{name}"
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if given is None:
        return None
    if not isinstance(given, str):
        raise refuse("ORD007", f"{place}: found {given!r}, expected a text")
    if _MASK in given:
        raise _masked("ORD007", place)
    _require_short(given, place)
    return given


def _masked(code: str, place: str) -> Exception:
    """Masked text never reaches an order: it is what somebody else was shown."""
    return refuse(code, f"{place}: found a masked text, expected what it stands for")


def _require_short(text: str, place: str) -> None:
    if len(text) > _LONGEST:
        raise refuse("CHK0099", f"Field {place} has exceeded limit of characters: {_LONGEST}")


def sent_addresses(shipping: Json) -> list[Json]:
    """Where to: the address, and those that were selected."""
    address = optional_object(shipping, "address")
    selected = objects(shipping, "selectedAddresses", "shippingData.", "ORD006")
    return [one for one in (address, *selected) if one]


def read_addresses(shipping: Json, new_id: Callable[[], str]) -> Json:
    """Read the address with the others beside it; one without an id gets one."""
    given_ids: dict[str, str] = {}

    def named(address: Json) -> Json:
        _require_plain(address)
        if address.get("addressId"):
            return address
        same = repr(
            sorted((key, str(fields)) for key, fields in address.items() if fields is not None)
        )
        address_id = given_ids.setdefault(same, new_id().lower())
        return {**address, "addressId": address_id}

    addresses = sent_addresses(shipping)
    kept: Json = dict(named(addresses[0])) if addresses else {}
    for name in ("selectedAddresses", "availableAddresses"):
        if given := objects(shipping, name, "shippingData.", "ORD006"):
            kept[name] = [named(one) for one in given]
    contact = shipping.get("contactInformation")
    if contact is not None and not isinstance(contact, list | dict):
        raise refuse("OMS004", "contactInformation: expected a list, an object or null")
    if contact:
        kept["contactInformation"] = [contact] if isinstance(contact, dict) else contact
    return kept


def _require_plain(address: Json) -> None:
    for name in _ADDRESS_TEXTS:
        fields = address.get(name)
        if isinstance(fields, str):
            if _MASK in fields:
                raise _masked("ORD006", f"shippingData.address.{name}")
            _require_short(fields, f"shippingData.address.{name}")
