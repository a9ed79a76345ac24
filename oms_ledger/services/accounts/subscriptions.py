"""Feeds and hooks configured, paused, given another secret and removed, by whoever asks."""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from oms_ledger.accounts import subscriptions
from oms_ledger.accounts.configuration import Configuration
from oms_ledger.accounts.subscriptions import (
    FeedConfigured,
    HookConfigured,
    HookItem,
    SubscriptionEvent,
    require_hook,
)
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import Fill
from projections.notifications import feeds, hooks

RETENTION = "retention"
"""The actor of what is removed because nobody used it."""

log = structlog.get_logger(__name__)


class StillUsed(Exception):
    """What was to be removed because nobody used it is used again."""


async def _configure(
    cell: Cell,
    ctx: CommandContext,
    decide: Callable[[Configuration], Sequence[SubscriptionEvent]],
    *fills: Fill,
) -> Configuration:
    account = await cell.ledger.configure(ctx, lambda now: decide(now.configuration), fills=fills)
    return account.configuration


async def configure_feed(cell: Cell, ctx: CommandContext, requested: FeedConfigured) -> None:
    """Create or replace; an equal configuration changes nothing at all."""
    await _configure(cell, ctx, lambda now: subscriptions.configure_feed(now, requested))


async def remove_feed(cell: Cell, ctx: CommandContext, app_key: str) -> None:
    """The feed, its queue and its subscription."""
    await _configure(cell, ctx, lambda now: subscriptions.remove_feed(now, app_key))


async def configure_hook(cell: Cell, ctx: CommandContext, requested: HookConfigured) -> str | None:
    """Create or replace; the signing secret of a new hook, None for a known one.

    What is known of the endpoint's failures is forgotten, since it has just answered a ping.
    """
    new = False

    def decide(now: Configuration) -> Sequence[SubscriptionEvent]:
        nonlocal new
        new = now.get(HookItem, requested.app_key) is None
        return subscriptions.configure_hook(now, requested)

    await _configure(cell, ctx, decide)
    await cell.write(hooks.forget_failures, requested.app_key)
    return requested.secret if new else None


async def remove_hook(cell: Cell, ctx: CommandContext, app_key: str) -> None:
    """The hook, what it has pending and its subscriptions."""
    await _configure(cell, ctx, lambda now: subscriptions.remove_hook(now, app_key))


async def pause_hook(cell: Cell, ctx: CommandContext, app_key: str) -> None:
    """From now on it gets nothing; what its filter passes is kept."""
    await _configure(cell, ctx, lambda now: subscriptions.pause_hook(now, app_key))


async def resume_hook(cell: Cell, ctx: CommandContext, app_key: str) -> None:
    """It gets again, beginning with what was pending; the three days of each begin again."""
    await _configure(
        cell,
        ctx,
        lambda now: subscriptions.resume_hook(now, app_key),
        lambda connection: hooks.forget_failures(connection, app_key),
    )


async def rotate_hook_secret(
    cell: Cell, ctx: CommandContext, app_key: str, overlap_seconds: int
) -> tuple[str, HookItem]:
    """A new secret, and the hook with it; the previous one signs too while the overlap lasts."""
    secret = hooks.new_secret()
    after = await _configure(
        cell,
        ctx,
        lambda now: subscriptions.rotate_hook_secret(
            now, app_key, secret=secret, overlap_seconds=overlap_seconds
        ),
    )
    return secret, require_hook(after, app_key)


async def remove_unused(cell: Cell) -> None:
    """Remove feeds and hooks that nobody uses, where the settings say so."""
    now = cell.clock.micros()
    found: list[tuple[str, str, str]] = []
    if cell.settings.feed_expiry:
        found += [("feed", *one) for one in await cell.read(feeds.unused, now)]
    if cell.settings.hook_expiry:
        found += [("hook", *one) for one in await cell.read(hooks.unused, now)]
    for kind, account, app_key in found:
        ctx = CommandContext(account, RETENTION)
        try:
            if kind == "feed":
                await _remove_unused_feed(cell, ctx, app_key, now)
            else:
                await _remove_unused_hook(cell, ctx, app_key, now)
        except StillUsed:
            continue
        log.warning("subscription_expired", kind=kind, app_key=app_key)


async def _remove_unused_feed(cell: Cell, ctx: CommandContext, app_key: str, now: int) -> None:
    def require_unused(connection: Connection) -> None:
        if not feeds.is_unused(connection, app_key, now):
            raise StillUsed

    await _configure(
        cell, ctx, lambda known: subscriptions.remove_feed(known, app_key), require_unused
    )


async def _remove_unused_hook(cell: Cell, ctx: CommandContext, app_key: str, now: int) -> None:
    def require_unused(connection: Connection) -> None:
        if not hooks.is_unused(connection, ctx.account, app_key, now):
            raise StillUsed

    await _configure(
        cell, ctx, lambda known: subscriptions.remove_hook(known, app_key), require_unused
    )
