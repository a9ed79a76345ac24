"""The subjects of an account's configuration: their items, and what their events make of them."""

from collections.abc import Mapping

from oms_ledger.accounts import (
    gateways,
    keys,
    mail_providers,
    members,
    registers,
    subscriptions,
    tokens,
    trigger_secrets,
)
from oms_ledger.accounts.configuration import (
    Applier,
    Configuration,
    ConfigurationImported,
)

ITEMS: Mapping[str, type] = {
    "app_keys": keys.KeyItem,
    "feeds": subscriptions.FeedItem,
    "hooks": subscriptions.HookItem,
    "gateways": gateways.GatewayItem,
    "sellers": registers.SellerItem,
    "affiliates": registers.AffiliateItem,
    "operator_roles": members.MemberItem,
    "token_bounds": tokens.TokenBoundItem,
    "trigger_secrets": trigger_secrets.TriggerSecretItem,
    "mail_providers": mail_providers.MailProviderItem,
}
"""By the name of the table that they fill."""


def _imported(before: Configuration, event: ConfigurationImported, at: int) -> Configuration:
    return before.put(ITEMS[event.subject](**event.row, **event.secrets))


APPLIERS: Mapping[type, Applier] = {
    ConfigurationImported: _imported,
    **keys.APPLIERS,
    **subscriptions.APPLIERS,
    **gateways.APPLIERS,
    **registers.APPLIERS,
    **members.APPLIERS,
    **tokens.APPLIERS,
    **trigger_secrets.APPLIERS,
    **mail_providers.APPLIERS,
}
