"""The registers of an account's partners, sellers and affiliates, as they are configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import InvalidAffiliate, SellerNotRegistered


@dataclass(frozen=True, slots=True)
class SellerItem:
    """A row of `sellers`: `body` has the fields as published, `secrets` what is not shown."""

    seller: str
    outside: bool
    configured_at: int
    body: dict[str, Any]
    channels: tuple[dict[str, Any], ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The seller's id in the account's register."""
        return self.seller


@dataclass(frozen=True, slots=True)
class AffiliateItem:
    """A row of `affiliates`."""

    affiliate: str
    configured_at: int
    body: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Three consonants or digits, by which partners name the affiliate."""
        return self.affiliate

    @property
    def name(self) -> str:
        """Its own name, else its id."""
        return str(self.body.get("name") or self.affiliate)


@dataclass(frozen=True, slots=True)
class SellerConfigured:
    """`outside`: whether it is no account of this deployment."""

    seller: str
    outside: bool = True
    fields: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class SellerActivated:
    """Whether orders may be placed at it."""

    seller: str
    active: bool


@dataclass(frozen=True, slots=True)
class SellerChannelsMapped:
    """Which affiliate of the seller each sales channel is; they replace those of before."""

    seller: str
    channels: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class SellerRemoved:
    """The register has no entry of the seller any more, nor its secrets."""

    seller: str


@dataclass(frozen=True, slots=True)
class AffiliateConfigured:
    """An affiliate was added, or its entry replaced as a whole."""

    affiliate: str
    fields: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class AffiliateRemoved:
    """The register has no entry of the affiliate any more, nor its secrets."""

    affiliate: str


RegisterEvent = (
    SellerConfigured
    | SellerActivated
    | SellerChannelsMapped
    | SellerRemoved
    | AffiliateConfigured
    | AffiliateRemoved
)


def _seller_configured(before: Configuration, event: SellerConfigured, at: int) -> Configuration:
    known = before.get(SellerItem, event.seller)
    channels = known.channels if known else ()
    return before.put(
        SellerItem(event.seller, event.outside, at, event.fields, channels, event.secrets)
    )


def _seller_activated(before: Configuration, event: SellerActivated, at: int) -> Configuration:
    known = before.get(SellerItem, event.seller)
    if known is None:
        return before
    body = {**known.body, "isActive": event.active}
    return before.put(replace(known, body=body, configured_at=at))


def _mapped(before: Configuration, event: SellerChannelsMapped, at: int) -> Configuration:
    known = before.get(SellerItem, event.seller)
    if known is None:
        return before
    return before.put(replace(known, channels=event.channels, configured_at=at))


def _seller_removed(before: Configuration, event: SellerRemoved, at: int) -> Configuration:
    return before.without(SellerItem, event.seller)


def _affiliate_configured(
    before: Configuration, event: AffiliateConfigured, at: int
) -> Configuration:
    return before.put(AffiliateItem(event.affiliate, at, event.fields, event.secrets))


def _affiliate_removed(before: Configuration, event: AffiliateRemoved, at: int) -> Configuration:
    return before.without(AffiliateItem, event.affiliate)


APPLIERS: Mapping[type, Applier] = {
    SellerConfigured: _seller_configured,
    SellerActivated: _seller_activated,
    SellerChannelsMapped: _mapped,
    SellerRemoved: _seller_removed,
    AffiliateConfigured: _affiliate_configured,
    AffiliateRemoved: _affiliate_removed,
}


def activate_seller(configuration: Configuration, seller: str, active: bool) -> list[RegisterEvent]:
    """Let orders be placed at a seller, or no longer; nothing new where that is so already.

    `SellerNotRegistered` for one that the register does not know.
    """
    known = _registered(configuration, seller)
    same = (known.body.get("isActive") is not False) is active
    return [] if same else [SellerActivated(seller, active)]


def map_channels(
    configuration: Configuration, seller: str, channels: tuple[dict[str, Any], ...]
) -> list[RegisterEvent]:
    """Replace the mapping of a seller; `SellerNotRegistered` for one that is not known."""
    _registered(configuration, seller)
    return [SellerChannelsMapped(seller, channels)]


def remove_seller(configuration: Configuration, seller: str) -> list[RegisterEvent]:
    """Nothing new for one that the register does not know."""
    known = configuration.get(SellerItem, seller)
    return [] if known is None else [SellerRemoved(seller)]


def configure_affiliate(
    configuration: Configuration, requested: AffiliateConfigured
) -> list[RegisterEvent]:
    """Add or replace; its name is no other's."""
    name = AffiliateItem(requested.affiliate, 0, requested.fields).name
    others = configuration.all(AffiliateItem).values()
    if any(other.name == name and other.id != requested.affiliate for other in others):
        raise InvalidAffiliate("FMT0035", f"Affiliate name cannot be duplicated: {name[:60]}")
    return [requested]


def remove_affiliate(configuration: Configuration, affiliate: str) -> list[RegisterEvent]:
    """Nothing new for one that the register does not know."""
    known = configuration.get(AffiliateItem, affiliate)
    return [] if known is None else [AffiliateRemoved(affiliate)]


def _registered(configuration: Configuration, seller: str) -> SellerItem:
    known = configuration.get(SellerItem, seller)
    if known is None:
        raise SellerNotRegistered(seller)
    return known
