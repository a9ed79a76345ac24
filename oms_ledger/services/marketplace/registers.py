"""The registers of an account's partners: sellers and affiliates, and every change to them.

What was changed, by whom and when stands in the account's history; endpoints and credentials are
encrypted in its events, and in the tables that they fill.
"""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from oms_ledger.accounts import registers
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.affiliates import AffiliateInput
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.refusals import (
    AccountNotFound,
    AffiliateNotFound,
    InvalidAffiliate,
    InvalidSeller,
    SellerNotRegistered,
)
from oms_ledger.accounts.registers import AffiliateConfigured, SellerConfigured
from oms_ledger.accounts.sellers import CHAIN_PATH, ENDPOINTS, OWN, SellerInput, read_seller
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.http_client.addresses import wrong_url
from oms_ledger.http_client.masking import masked
from oms_ledger.services.marketplace.account_calls import is_account
from projections.accounts import affiliates, sellers
from projections.accounts.affiliates import Affiliate
from projections.accounts.sellers import Seller


async def own_seller(cell: Cell, account: str) -> Seller:
    """The account itself, as the register shows it."""
    known = await cell.ledger.account(account)
    fields = {
        "id": OWN,
        "name": known.setting("seller_name") or account,
        "isActive": bool(known.setting("accepts_orders")),
        "isVtex": True,
        "sellerType": 1,
        "account": account,
    }
    return Seller(account, OWN, False, fields, {})


async def registered_seller(cell: Cell, account: str, seller_id: str) -> Seller:
    """The entry of a seller; 404 for one that the register does not know."""
    if seller_id == OWN:
        return await own_seller(cell, account)
    known = await cell.read(sellers.seller, account, seller_id, cell.encryption)
    if known is None:
        raise SellerNotRegistered(seller_id)
    return known


async def registered_sellers(cell: Cell, account: str) -> list[Seller]:
    """Every entry, the account itself first."""
    known = await cell.read(sellers.of_account, account, cell.encryption)
    return [await own_seller(cell, account), *known]


async def save_seller(cell: Cell, ctx: CommandContext, sent: SellerInput) -> Seller:
    """Add or replace an entry. Secrets that are not sent, or sent as they are shown, stay."""
    if sent.id == OWN:
        return await _save_own(cell, ctx, sent)
    account = ctx.account
    outside = sent.account_name == account or not await is_account(cell, sent.account_name)
    known = await cell.read(sellers.seller, account, sent.id, cell.encryption)
    before = known.secrets if known else {}
    secrets = before | {
        name: value
        for name, value in sent.secrets.items()
        if name not in ENDPOINTS or value != masked(before.get(name, ""))
    }
    _require_endpoints(cell, account, secrets, outside=outside)
    if sent.is_active and sent.channel is not None:
        await _require_channel(cell, account, sent.channel)
    configured = SellerConfigured(sent.id, outside, sent.fields, secrets)
    await cell.ledger.configure(ctx, lambda _: [configured])
    return await registered_seller(cell, account, sent.id)


async def _save_own(cell: Cell, ctx: CommandContext, sent: SellerInput) -> Seller:
    name = str(sent.fields["name"]).strip()

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(ctx.account)
        same = account.setting("seller_name") == name
        return [] if same else [AccountSettingsChanged({"seller_name": name})]

    await cell.ledger.change_account(ctx, decide)
    return await own_seller(cell, ctx.account)


def _require_endpoints(cell: Cell, account: str, secrets: dict[str, str], *, outside: bool) -> None:
    """Refuse an outsider that cannot be reached, before anything is sent to it."""
    if not outside:
        return
    if not secrets.get("fulfillmentEndpoint"):
        raise InvalidSeller("fulfillmentEndpoint is required: the seller is no account here")
    networks = cell.settings.networks_of(account)
    for name in ("fulfillmentEndpoint", "changesEndpoint"):
        url = secrets.get(name)
        if url and (refusal := wrong_url(url, networks)):
            raise InvalidSeller(f"{name}: {refusal}")
    if urlsplit(secrets["fulfillmentEndpoint"]).path.rstrip("/").endswith(CHAIN_PATH):
        raise InvalidSeller(
            f"fulfillmentEndpoint: only accounts of this deployment take orders at {CHAIN_PATH}"
        )


async def _require_channel(cell: Cell, account: str, channel: str) -> None:
    if await cell.read(affiliates.affiliate, account, channel, cell.encryption) is None:
        raise InvalidSeller(
            f"Invalid channel: {channel[:40]} is no affiliate of the account", code="SRAPI-408"
        )


async def update_seller(
    cell: Cell, ctx: CommandContext, seller_id: str, replaced: dict[str, Any]
) -> Seller:
    """Replace fields of an entry, all of them or none.

    Orders are let in and kept out whatever else is wrong with the entry.
    """
    known = await registered_seller(cell, ctx.account, seller_id)
    if not replaced:
        return known
    if set(replaced) == {"isActive"} and isinstance(replaced["isActive"], bool):
        return await activate_seller(cell, ctx, seller_id, replaced["isActive"])
    if known.id == OWN and set(replaced) != {"name"}:
        raise InvalidSeller("1 is the account itself: only its name may be set")
    return await save_seller(cell, ctx, read_seller({**known.fields, **known.secrets, **replaced}))


async def activate_seller(cell: Cell, ctx: CommandContext, seller_id: str, active: bool) -> Seller:
    """Say whether orders may be placed at a seller; those it has live on."""
    known = await registered_seller(cell, ctx.account, seller_id)
    if known.id == OWN:
        raise InvalidSeller("1 is the account itself: only its name may be set")
    decide = partial(registers.activate_seller, seller=seller_id, active=active)
    await cell.ledger.configure(ctx, lambda account: decide(account.configuration))
    return await registered_seller(cell, ctx.account, seller_id)


async def map_channels(
    cell: Cell, ctx: CommandContext, seller_id: str, channels: tuple[dict[str, Any], ...]
) -> Seller:
    """Say by which affiliate a seller knows each of the account's sales channels."""
    known = await registered_seller(cell, ctx.account, seller_id)
    if known.id == OWN:
        raise InvalidSeller("1 is the account itself: only its name may be set")
    decide = partial(registers.map_channels, seller=seller_id, channels=channels)
    await cell.ledger.configure(ctx, lambda account: decide(account.configuration))
    return await registered_seller(cell, ctx.account, seller_id)


async def remove_seller(cell: Cell, ctx: CommandContext, seller_id: str) -> bool:
    """Forget a seller; messages to it wait. False when the register does not know it."""
    known = await cell.read(sellers.seller, ctx.account, seller_id, cell.encryption)
    decide = partial(registers.remove_seller, seller=seller_id)
    await cell.ledger.configure(ctx, lambda account: decide(account.configuration))
    return known is not None


async def registered_affiliate(cell: Cell, account: str, affiliate_id: str) -> Affiliate:
    """The affiliate of this id; `AffiliateNotFound` where there is none."""
    known = await cell.read(affiliates.affiliate, account, affiliate_id, cell.encryption)
    if known is None:
        raise AffiliateNotFound(affiliate_id)
    return known


async def registered_affiliates(cell: Cell, account: str) -> list[Affiliate]:
    """All affiliates of the account."""
    return await cell.read(affiliates.of_account, account, cell.encryption)


async def save_affiliate(cell: Cell, ctx: CommandContext, sent: AffiliateInput) -> Affiliate:
    """Add or replace an affiliate; its name is no other's."""
    account = ctx.account
    endpoint = sent.secrets.get("connectorEndpoint")
    if endpoint and (refusal := wrong_url(endpoint, cell.settings.networks_of(account))):
        raise InvalidAffiliate("OMS004", f"connectorEndpoint: {refusal}")
    requested = AffiliateConfigured(sent.id, sent.fields, sent.secrets)
    decide = partial(registers.configure_affiliate, requested=requested)
    await cell.ledger.configure(ctx, lambda known: decide(known.configuration))
    return Affiliate(account, sent.id, sent.fields, sent.secrets)


async def remove_affiliate(cell: Cell, ctx: CommandContext, affiliate_id: str) -> None:
    """Forget an affiliate; its orders keep their prefix."""
    decide = partial(registers.remove_affiliate, affiliate=affiliate_id)
    await cell.ledger.configure(ctx, lambda account: decide(account.configuration))
