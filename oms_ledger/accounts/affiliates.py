"""Affiliates: the marketplaces and connectors whose orders an account fulfills."""

import re
from dataclasses import dataclass
from typing import Any

from oms_ledger.accounts.refusals import InvalidAffiliate
from oms_ledger.whole_numbers import is_whole

SECRETS = ("searchURIEndpoint", "connectorEndpoint")
"""Fields that are stored encrypted."""
VERSION = "1.x.x"
BETWEEN_ACCOUNTS = "00"
"""The affiliate of orders between accounts of one deployment: nobody can be it."""

_LENGTH = 3
_VOWEL_OR_LOWER = re.compile(r"[AEIOUa-z]")
_FORM = re.compile(r"[B-DF-HJ-NP-TV-Z0-9]{3}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_NAMES = (
    *("id", "name", "followUpEmail", "salesChannel", "searchURIEndpoint"),
    *("searchURIEndpointVersion", "searchURIEndpointAvailableVersions", "useSellerPaymentMethod"),
    *("minimumValueAccumulated", "connectorName", "connectorEndpoint", "marketplaceAccount"),
)
_PUBLISHED: dict[str, str] = {name.lower(): name for name in _NAMES}
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class AffiliateInput:
    """What was sent of an affiliate: `secrets` are those it names, `fields` all the rest."""

    id: str
    fields: dict[str, Any]
    secrets: dict[str, str]


def require_affiliate_id(affiliate: str) -> None:
    """Refuse what can be no affiliate's id, as published: three consonants, or digits."""
    if not affiliate:
        raise InvalidAffiliate("FMT0088", "Invalid affiliate id: affiliateId is required")
    if affiliate == BETWEEN_ACCOUNTS:
        raise InvalidAffiliate("FMT0088", "Invalid affiliate id: 00 is of orders between accounts")
    if len(affiliate) != _LENGTH:
        raise InvalidAffiliate("FMT0031", f"Affiliate id must have 3 characters: {affiliate[:40]}")
    if _VOWEL_OR_LOWER.search(affiliate) or not _FORM.fullmatch(affiliate):
        raise InvalidAffiliate(
            "FMT0088", f"Invalid affiliate id: {affiliate} is not three consonants in upper case"
        )


def is_affiliate_id(affiliate: str) -> bool:
    """Whether that can be the id of an affiliate; `00` cannot."""
    return _FORM.fullmatch(affiliate) is not None


def read_affiliate(affiliate: str, body: Any) -> AffiliateInput:
    """Read an entry; keys are matched without case, what is not understood is kept."""
    require_affiliate_id(affiliate)
    if not isinstance(body, dict):
        raise InvalidAffiliate("OMS004", "The body: expected an object, an affiliate")
    fields = {_PUBLISHED.get(str(k).lower(), str(k)): v for k, v in body.items()}
    if fields.get("id") not in (None, affiliate):
        raise InvalidAffiliate("FMT0088", "Invalid affiliate id: the body names another one")
    name = fields.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidAffiliate("FMT0034", "Invalid affiliate name: name is required")
    email = fields.get("followUpEmail")
    if email not in (None, "") and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        raise InvalidAffiliate("FMT0032", "Invalid email: followUpEmail")
    channel = fields.get("salesChannel")
    if channel not in (None, "") and not is_whole(str(channel)):
        raise InvalidAffiliate("FMT0036", "Invalid sales channel: expected digits")
    version = fields.get("searchURIEndpointVersion")
    if version not in (None, "", VERSION):
        raise InvalidAffiliate(
            "FMT0029", f"Invalid search URI endpoint version: expected {VERSION}"
        )
    _require_kinds(fields)
    return AffiliateInput(
        affiliate,
        {
            **{key: value for key, value in fields.items() if key not in SECRETS},
            "id": affiliate,
            "name": name.strip(),
            "salesChannel": None if channel in (None, "") else str(channel),
        },
        {key: fields[key].strip() for key in SECRETS if fields.get(key)},
    )


def _require_kinds(fields: dict[str, Any]) -> None:
    """Refuse a field that is of another kind than published."""
    minimum = fields.get("minimumValueAccumulated")
    if minimum is not None and (
        isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 0
    ):
        raise InvalidAffiliate("FMT0042", "minimumValueAccumulated: expected cents")
    if not isinstance(fields.get("useSellerPaymentMethod", False), bool | None):
        raise InvalidAffiliate("OMS004", "useSellerPaymentMethod: expected true or false")
    for key in (*SECRETS, "connectorName", "marketplaceAccount"):
        value = fields.get(key)
        if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
            raise InvalidAffiliate("OMS004", f"{key}: expected a text")
