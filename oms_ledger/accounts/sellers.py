"""Entries of the register of sellers as clients send them: what is checked, what is a secret."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from oms_ledger.accounts.affiliates import is_affiliate_id
from oms_ledger.accounts.refusals import InvalidSeller
from oms_ledger.whole_numbers import is_whole

OWN = "1"
"""The seller that is the account itself."""
SECRETS = (
    *("fulfillmentEndpoint", "catalogSystemEndpoint", "changesEndpoint"),
    *("user", "password", "appKey", "appToken"),
)
"""Fields that are stored encrypted: an endpoint's query may hold the seller's secret."""
WRITE_ONLY = ("password", "appKey", "appToken")
"""Secrets that nobody is shown."""
ENDPOINTS = SECRETS[:3]
WHITE_LABEL = 2
CHAIN_PATH = "/api/checkout"
"""The path of a `fulfillmentEndpoint` by which a seller passes orders on to sellers of its own."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BOOLEANS = ("isVtex", "isBetterScope", "allowHybridPayments")
_TEXTS = (*SECRETS, "email", "description", "taxCode", "account", "channel", "trustPolicy")
_LISTS = ("availableSalesChannels", "sellerCommissionConfiguration", "groups")
_FIXED = ("id", "sellerId")
_COMMISSIONS = ("productCommissionPercentage", "freightCommissionPercentage")
_MOST_PER_CENT = 100
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class SellerInput:
    """What was sent of a seller: `secrets` are those it names, `fields` all the rest."""

    id: str
    fields: dict[str, Any]
    secrets: dict[str, str]

    @property
    def is_active(self) -> bool:
        """Whether orders may be placed at the seller; an entry has to say it."""
        return bool(self.fields["isActive"])

    @property
    def account_name(self) -> str:
        """The account that the entry may stand for."""
        return str(self.fields.get("account") or self.id).lower()

    @property
    def channel(self) -> str | None:
        """The sales channel that the entry names; None where it is empty or no text."""
        channel = self.fields.get("channel")
        return channel if isinstance(channel, str) and channel else None


def read_seller(body: Any) -> SellerInput:
    """Read an entry; refuses what cannot be one. What is not understood is kept as it came."""
    if not isinstance(body, dict):
        raise InvalidSeller("The body: expected an object, a seller")
    seller_id = _text_or_number(body, "id")
    if seller_id is None or not _ID.fullmatch(seller_id):
        raise InvalidSeller(f"id: found {_shown(body.get('id'))}, expected letters, digits, _ or -")
    if not isinstance(body.get("name"), str) or not body["name"].strip():
        raise InvalidSeller("name is required: a text")
    _require_kinds(body)
    kind = body.get("sellerType")
    if kind not in (None, 1, WHITE_LABEL) or isinstance(kind, bool):
        raise InvalidSeller(f"sellerType: found {_shown(kind)}, expected 1 or 2")
    if body.get("isBetterScope") and kind != WHITE_LABEL:
        raise InvalidSeller("Only white label seller can be set to better scope", code="SRAPI-405")
    fields = {name: value for name, value in body.items() if name not in SECRETS}
    secrets = {name: body[name].strip() for name in SECRETS if body.get(name)}
    return SellerInput(seller_id, {**fields, "id": seller_id, "sellerType": kind or 1}, secrets)


def _require_kinds(body: Mapping[str, Any]) -> None:
    """Refuse a field that is of another kind than published."""
    for name in ("isActive", *_BOOLEANS):
        value = body.get(name)
        if not isinstance(value, bool) and (value is not None or name == "isActive"):
            raise InvalidSeller(f"{name}: found {_shown(value)}, expected true or false")
    for name in _TEXTS:
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
            raise InvalidSeller(f"{name}: found {_shown(value)}, expected a text")
    for name in _LISTS:
        value = body.get(name)
        if value is not None and not (
            isinstance(value, list) and all(isinstance(one, dict) for one in value)
        ):
            raise InvalidSeller(f"{name}: expected a list of objects")
    _require_commissions(body.get("sellerCommissionConfiguration") or ())


def _require_commissions(configured: Iterable[Mapping[str, Any]]) -> None:
    for place, one in enumerate(configured):
        for name in _COMMISSIONS:
            value = one.get(name, 0)
            if not isinstance(value, int | float) or isinstance(value, bool):
                value = -1
            if not 0 <= value <= _MOST_PER_CENT:
                raise InvalidSeller(
                    f"sellerCommissionConfiguration[{place}].{name}: expected 0 to 100 per cent"
                )


def read_patch(body: Any) -> dict[str, Any]:
    """Read the fields that a list of operations replaces; what they may hold is not looked at."""
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise InvalidSeller("The body: expected a list of operations")
    replaced = {}
    for number, one in enumerate(body):
        if one.get("operation", one.get("op")) != "replace":
            raise InvalidSeller(f"[{number}].operation: expected replace")
        path = one.get("path")
        field = path.removeprefix("/") if isinstance(path, str) else ""
        if not field or "/" in field or field in _FIXED:
            raise InvalidSeller(
                f"[{number}].path: found {_shown(path)}, expected a field, as /isActive"
            )
        if "value" not in one:
            raise InvalidSeller(f"[{number}].value is required")
        replaced[field] = one["value"]
    return replaced


def read_channels(body: Any) -> tuple[dict[str, Any], ...]:
    """A mapping of the account's sales channels to affiliates of the seller."""
    if not isinstance(body, list):
        raise InvalidSeller("The body: expected a list")
    read: dict[str, str] = {}
    for number, one in enumerate(body):
        channel = _text_or_number(one, "marketplaceSalesChannel") if isinstance(one, dict) else None
        if channel is None or not is_whole(channel):
            raise InvalidSeller(f"[{number}].marketplaceSalesChannel: expected digits")
        affiliate = one.get("sellerChannel")
        if not isinstance(affiliate, str) or not is_affiliate_id(affiliate.strip()):
            raise InvalidSeller(f"[{number}].sellerChannel: expected the id of an affiliate")
        if channel in read:
            raise InvalidSeller(
                f"[{number}].marketplaceSalesChannel: {channel} is mapped above already"
            )
        read[channel] = affiliate.strip()
    return tuple(
        {"marketplaceSalesChannel": channel, "sellerChannel": affiliate}
        for channel, affiliate in read.items()
    )


def affiliate_of(
    endpoint: str, channels: tuple[Mapping[str, Any], ...], sales_channel: str
) -> str | None:
    """The affiliate by which a seller knows the account; None where nothing says one."""
    try:
        named = parse_qs(urlsplit(endpoint).query)
    except ValueError:
        named = {}
    for name, values in named.items():
        if name.lower() == "affiliateid":
            return values[0]
    by_channel = {str(one["marketplaceSalesChannel"]): one["sellerChannel"] for one in channels}
    return by_channel.get(sales_channel)


def _text_or_number(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _shown(value: Any) -> str:
    return repr(value)[:60]
