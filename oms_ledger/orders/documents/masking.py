"""Personal data as an account with the setting `pii` shows it: `J***`, `j***.d**@e******.c**`.

The first sign of every word stays, the others become stars. What says of the shop, of its
employees and of its sellers is left as it is.
"""

import re
from collections.abc import Mapping
from typing import Any

_WORD = re.compile(r"(\w)(\w*)")

_PROFILE = frozenset(
    {
        *("email", "firstName", "lastName", "document", "phone", "corporateName", "tradeName"),
        *("corporateDocument", "stateInscription", "corporatePhone"),
    }
)
_ADDRESS = frozenset(
    {
        *("receiverName", "street", "number", "complement", "neighborhood", "reference"),
        *("postalCode", "geoCoordinates"),
    }
)
_WITHIN = {
    "clientProfileData": _PROFILE,
    "address": _ADDRESS,
    "selectedAddresses": _ADDRESS,
    "availableAddresses": _ADDRESS,
    "billingAddress": _ADDRESS,
    "contactInformation": _PROFILE,
    "contactsInfo": _PROFILE,
    "payments": frozenset({"cardHolder"}),
}
_OF_THE_SHOP = frozenset({"pickupStoreInfo", "pickupPoints", "sellers"})

ROW = frozenset(
    {
        *("clientName", "lastMessageUnread", "clientEmail", "clientDocument"),
        *("clientCorporateDocument", "clientCorporateName"),
    }
)

# Messages call the customer by name.
_MESSAGES = frozenset({"lastMessage"})

NO_REASONS = {"", "null", "undefined"}


def masked(text: str) -> str:
    """The text with the first sign of each word, and a star for every other one."""
    return _WORD.sub(lambda found: found[1] + "*" * len(found[2]), text)


def mask_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document of either path, its personal parts masked; the one given stays as it is."""
    return {
        key: _hidden(value) if key in _MESSAGES else _part(key, value)
        for key, value in document.items()
    }


def mask_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of either list."""
    return {key: _hidden(value) if key in ROW else value for key, value in row.items()}


def _part(key: str, value: Any) -> Any:
    if key in _OF_THE_SHOP:
        return value
    fields: frozenset[str] = _WITHIN.get(key, frozenset())
    if isinstance(value, Mapping):
        return {
            name: _hidden(one) if name in fields else _part(name, one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_part(key, one) for one in value]
    return value


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    return [] if isinstance(value, list | tuple) else value


def reason_of(text: str | None) -> str | None:
    """The reason to show personal data; None where clients sent one that says nothing."""
    text = (text or "").strip()
    return None if text.lower() in NO_REASONS else text[:500]
