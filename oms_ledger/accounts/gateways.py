"""The payment gateway of an account: the built-in one, unless another is configured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import NothingConfigured


@dataclass(frozen=True, slots=True)
class GatewayItem:
    """A row of `gateways`; `credentials` are key and token."""

    url: str
    configured_at: int
    credentials: tuple[str, str] = ("", "")

    id = ""  # an account has one


@dataclass(frozen=True, slots=True)
class GatewayConfigured:
    """Purchases are paid through the gateway at `url`; `credentials` are key and token."""

    url: str
    credentials: tuple[str, str] = field(default=("", ""), metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class GatewayRemoved:
    """Purchases are paid through the built-in gateway."""


GatewayEvent = GatewayConfigured | GatewayRemoved


def _configured(before: Configuration, event: GatewayConfigured, at: int) -> Configuration:
    key, token = event.credentials
    return before.put(GatewayItem(event.url, at, (key, token)))


def _removed(before: Configuration, event: GatewayRemoved, at: int) -> Configuration:
    return before.without(GatewayItem, "")


APPLIERS: Mapping[type, Applier] = {GatewayConfigured: _configured, GatewayRemoved: _removed}


def configure_gateway(
    configuration: Configuration, url: str, app_key: str, app_token: str
) -> list[GatewayEvent]:
    """Use a gateway from now on; recorded even where it is the same, with its credentials."""
    return [GatewayConfigured(url, (app_key, app_token))]


def remove_gateway(configuration: Configuration) -> list[GatewayEvent]:
    """Go back to the built-in gateway; `NothingConfigured` where it is the one in use."""
    if configuration.get(GatewayItem, "") is None:
        raise NothingConfigured("has the built-in gateway already")
    return [GatewayRemoved()]
