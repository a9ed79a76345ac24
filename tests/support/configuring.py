"""Configuration that tests and benchmarks begin with, by the one way that records it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, update

from oms_ledger.accounts import subscriptions as decisions
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.configuration import Configuration
from oms_ledger.accounts.events import AccountCreated, AccountEvent
from oms_ledger.accounts.gateways import configure_gateway as gateway_configured
from oms_ledger.accounts.gateways import remove_gateway as gateway_removed
from oms_ledger.accounts.members import OperatorInvited
from oms_ledger.accounts.operators import OperatorCreated, OperatorSecondFactorSet
from oms_ledger.accounts.registers import SellerConfigured
from oms_ledger.accounts.subscriptions import FeedConfigured, HookConfigured
from oms_ledger.accounts.trigger_secrets import TriggerSecretRotated
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.accounts import keys, subscriptions
from oms_ledger.services.operators import invitations
from oms_ledger.services.operators.recording import by_deployment, record_operator
from oms_ledger.services.operators.sign_in import signed_in
from projections.accounts import app_keys
from projections.accounts.gateways import RemoteGateway
from projections.accounts.sellers import Seller
from projections.notifications import feeds, hooks
from projections.notifications.feeds import Feed
from projections.notifications.hooks import Hook
from projections.operators import directory, sessions
from projections.tables import subscriptions as subscriptions_table

T = TypeVar("T")


def run(cell: Cell, work: Callable[[Cell], Coroutine[Any, Any, T]]) -> T:
    """What some work comes to, from a test with or without an event loop of its own."""
    found: list[T] = []
    failed: list[BaseException] = []

    def beside() -> None:
        # A ledger of its own: nobody shares one between two loops.
        other = Cell(cell.settings, cell.clock)
        try:
            other.require_key()  # no coroutine waits for it
            found.append(asyncio.run(work(other)))
        except BaseException as error:
            failed.append(error)
        finally:
            other.close()

    thread = threading.Thread(target=beside)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def begin_session(cell: Cell, operator: str) -> str:
    """The token of a session that a sign-in of the operator began, which is recorded."""
    token = sessions.new_token()

    def let_in(connection: Connection) -> None:
        sessions.open_session(connection, operator, "test", cell.clock.micros(), token)

    ctx, came = by_deployment(f"person:{operator}"), [signed_in(token, known_browser=False)]
    run(cell, lambda other: record_operator(other, ctx, operator, lambda _: came, fills=[let_in]))
    return token


def _for(cell: Cell, account: str, work: Callable[[Cell, CommandContext], Any]) -> Any:
    ctx = CommandContext(account, "test")

    async def act(other: Cell) -> Any:
        def exist(known: Account | None) -> list[AccountEvent]:
            return [] if known else [AccountCreated(account, account[:4])]

        await other.ledger.change_account(ctx, exist)
        return await work(other, ctx)

    return run(cell, act)


def create_key(
    cell: Cell, account: str, role: str, label: str | None = None, party: str | None = None
) -> tuple[str, str]:
    made: tuple[str, str] = _for(
        cell, account, lambda c, ctx: keys.create_key(c.ledger, ctx, role, label, party)
    )
    return made


def rotate_key(cell: Cell, app_key: str, overlap_seconds: int) -> str:
    token: str = _for(
        cell,
        _account_of(cell, app_key),
        lambda c, ctx: keys.rotate_key(c.ledger, ctx, app_key, overlap_seconds),
    )
    return token


def revoke_key(cell: Cell, app_key: str) -> None:
    account = _account_of(cell, app_key)
    _for(cell, account, lambda c, ctx: keys.revoke_key(c.ledger, ctx, app_key))


def _account_of(cell: Cell, app_key: str) -> str:
    with cell.database.reading() as connection:
        known = app_keys.get(connection, app_key)
    assert known is not None
    return known.account


def configure_feed(cell: Cell, feed: Feed, head: int | None = None) -> None:
    """A feed; a new one starts after `head`, or else after the last event."""
    configure_feeds(cell, [feed], head)


def configure_feeds(cell: Cell, several: Sequence[Feed], head: int | None = None) -> None:
    with cell.database.snapshot() as connection:
        new = [one for one in several if feeds.get(connection, one.app_key) is None]
    for account in dict.fromkeys(one.account for one in several):
        wanted = [
            FeedConfigured(one.app_key, one.filter, one.visibility, one.retention)
            for one in several
            if one.account == account
        ]
        _record(cell, account, decisions.configure_feed, wanted)
    start(cell, [feeds.subscription_of(one.app_key) for one in new], head)


def remove_feed(cell: Cell, account: str, app_key: str) -> None:
    _for(cell, account, lambda c, ctx: subscriptions.remove_feed(c, ctx, app_key))


def remove_unused(cell: Cell) -> None:
    run(cell, subscriptions.remove_unused)


def configure_hook(cell: Cell, hook: Hook, head: int | None = None) -> str | None:
    """A hook and the secret of a new one, which starts after `head` or else the last event."""
    return configure_hooks(cell, [hook], head).get(hook.app_key)


def configure_hooks(cell: Cell, several: Sequence[Hook], head: int | None = None) -> dict[str, str]:
    """The secrets of the hooks that are new, by key."""
    with cell.database.snapshot() as connection:
        new = {
            one.app_key: one.secret or hooks.new_secret()
            for one in several
            if hooks.get(connection, one.app_key, cell.encryption) is None
        }
    for account in dict.fromkeys(one.account for one in several):
        wanted = [
            HookConfigured(one.app_key, one.filter, one.url, one.headers, new.get(one.app_key, ""))
            for one in several
            if one.account == account
        ]
        _record(cell, account, decisions.configure_hook, wanted)
    start(cell, [f"hook:{app_key}" for app_key in new], head)
    return new


def _record(
    cell: Cell, account: str, decide: Callable[[Configuration, Any], Any], wanted: Sequence[Any]
) -> None:
    """All in one append."""

    def decided(known: Account) -> list[AccountEvent]:
        return [event for one in wanted for event in decide(known.configuration, one)]

    _for(cell, account, lambda c, ctx: c.ledger.configure(ctx, decided))


def start(cell: Cell, names: Sequence[str], head: int | None) -> None:
    """Set subscriptions to a position."""
    if head is None:
        return
    t = subscriptions_table
    with cell.database.writing() as connection:
        connection.execute(update(t).where(t.c.id.in_(names)).values(position=head))


def pause_hook(cell: Cell, account: str, app_key: str) -> None:
    _for(cell, account, lambda c, ctx: subscriptions.pause_hook(c, ctx, app_key))


def resume_hook(cell: Cell, account: str, app_key: str) -> None:
    _for(cell, account, lambda c, ctx: subscriptions.resume_hook(c, ctx, app_key))


def rotate_hook_secret(
    cell: Cell, account: str, app_key: str, overlap_seconds: int = hooks.BOTH_SECRETS
) -> str:
    """The new secret."""
    secret: str = _for(
        cell,
        account,
        lambda c, ctx: subscriptions.rotate_hook_secret(c, ctx, app_key, overlap_seconds),
    )[0]
    return secret


def configure_gateway(cell: Cell, gateway: RemoteGateway) -> None:
    url, key, token = gateway.url, gateway.app_key, gateway.app_token
    _for(
        cell,
        gateway.account,
        lambda c, ctx: c.ledger.configure(
            ctx, lambda known: gateway_configured(known.configuration, url, key, token)
        ),
    )


def remove_gateway(cell: Cell, account: str) -> None:
    _for(
        cell,
        account,
        lambda c, ctx: c.ledger.configure(ctx, lambda known: gateway_removed(known.configuration)),
    )


def save_seller(cell: Cell, one: Seller) -> None:
    configured = SellerConfigured(one.id, one.outside, one.fields, one.secrets)
    _for(cell, one.account, lambda c, ctx: c.ledger.configure(ctx, lambda _: [configured]))


def create_operator(
    cell: Cell,
    account: str,
    role: str,
    *,
    email: str,
    name: str,
    password_hash: str,
    deployment: bool = False,
) -> str:
    """The id of an operator who may sign in."""
    operator = directory.new_id()
    created = [OperatorCreated(deployment, email.casefold(), name, password_hash)]
    invited = OperatorInvited(operator, role)
    _for(
        cell,
        account,
        lambda c, ctx: record_operator(
            c, ctx, operator, lambda _: created, member=(account, invited)
        ),
    )
    return operator


def disable_operator(cell: Cell, email: str) -> None:
    run(cell, lambda c: invitations.disable(c, by_deployment("test"), email))


def reset_operator(cell: Cell, email: str) -> str:
    """The secret of the link."""
    return run(cell, lambda c: invitations.reset(c, by_deployment("test"), email))


def set_second_factor(cell: Cell, operator: str, secret: str) -> None:
    """Signing in takes a code of this secret, in base 32."""
    new = [OperatorSecondFactorSet(secret)]
    ctx = by_deployment(f"person:{operator}")
    run(cell, lambda c: record_operator(c, ctx, operator, lambda _: new))


def rotate_trigger_secret(cell: Cell, account: str) -> str:
    secret = hooks.new_secret()
    rotated = TriggerSecretRotated(secret)
    _for(cell, account, lambda c, ctx: c.ledger.configure(ctx, lambda _: [rotated]))
    return secret
