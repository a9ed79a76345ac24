"""A person's data as somebody else may see it, and masked text that comes back."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
_STARS = "***"


def is_masked(name: str, text: str) -> bool:
    """Whether a text of this field looks like a mask; of a document every other sign is hidden."""
    return _STARS in text or ("*" in text and _MASKS.get(name) is _document)


def _name(text: str) -> str:
    return f"{text[:3]}******"


def _neighborhood(text: str) -> str:
    return text[:3] + "*" * max(0, len(text) - 3)


def _document(text: str) -> str:
    return "".join("*" if at % 2 == 0 else sign for at, sign in enumerate(text))


def _last(count: int) -> Callable[[str], str]:
    return lambda text: f"******{text[-count:]}"


def _receiver(text: str) -> str:
    return f"{text[:3]}***{text[-3:]}"


def _street(text: str) -> str:
    middle = re.sub(r"\S", "*", text[3:-3]) if len(text) > 6 else "***"
    return f"{text[:3]}{middle}{text[-3:]}" if len(text) > 6 else f"{text[:3]}***"


def _city(text: str) -> str:
    return f"{text[:3]} *****" if text[3:4] == " " else f"{text[:3]}*****"


def _stars(text: str) -> str:
    return re.sub(r"\S", "*", text)


_MASKS: Mapping[str, Callable[[str], str]] = {
    "firstName": _name,
    "lastName": _name,
    "corporateName": _name,
    "tradeName": _name,
    "neighborhood": _neighborhood,
    "document": _document,
    "corporateDocument": _document,
    "stateInscription": _document,
    "phone": _last(4),
    "corporatePhone": _last(4),
    "postalCode": _last(3),
    "receiverName": _receiver,
    "street": _street,
    "city": _city,
    "number": _stars,
    "complement": _stars,
}


def masked(part: Json) -> Json:
    """An address or a profile with what says of the person masked."""
    shown = {
        name: _MASKS[name](value) if name in _MASKS and isinstance(value, str) else value
        for name, value in part.items()
    }
    if "reference" in shown:
        shown["reference"] = None
    if "geoCoordinates" in shown:
        shown["geoCoordinates"] = []
    return shown


def unmasked(name: str, text: str, stored: object) -> str | None:
    """What a masked text stands for, when it is the mask of what is stored; None else."""
    mask = _MASKS.get(name)
    if mask is None or not isinstance(stored, str) or mask(stored) != text:
        return None
    return stored
