"""App keys made, rotated and revoked; a token is shown this once, and only its hash is kept."""

import secrets
from collections.abc import Iterable
from functools import partial

from oms_ledger.accounts import keys
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.keys import KeyCreated, KeyItem
from oms_ledger.accounts.refusals import KeyCreatedBefore
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.ledger import IdempotentReplay
from oms_ledger.ledger import Ledger
from projections.accounts.app_keys import hash_of


def new_token() -> str:
    """A secret of 384 random bits, in letters of URLs."""
    return secrets.token_urlsafe(48)


async def create_key(
    ledger: Ledger,
    ctx: CommandContext,
    role: str,
    label: str | None = None,
    party: str | None = None,
    resources: Iterable[str] = (),
) -> tuple[str, str]:
    """A new key and its token. `label` is what it is for; its `party` never changes.

    `resources` are single ones, besides the role or with an empty one. A request that comes again
    under its Idempotency-Key is refused and named the key that it has made.
    """
    token, created = new_token(), list[KeyCreated]()

    def decide(account: Account) -> list[AccountEvent]:
        app_key = _unused_name(account)
        hashed = hash_of(token).hex()
        created[:] = [KeyCreated(app_key, role, party, label, hashed, tuple(sorted({*resources})))]
        return [*created]

    try:
        await ledger.configure(ctx, decide, claim=ctx.claim())
    except IdempotentReplay as again:
        (account,) = (await ledger.first_answer(again)).values()
        made = account.configuration.all(KeyItem).values()
        raise KeyCreatedBefore(max(made, key=lambda key: key.created_at).app_key) from None
    return created[0].app_key, token


def _unused_name(account: Account) -> str:
    known = account.configuration.all(KeyItem)
    while (name := f"vtexappkey-{account.name}-{secrets.token_hex(3).upper()}") in known:
        pass
    return name


async def label_key(ledger: Ledger, ctx: CommandContext, app_key: str, label: str | None) -> None:
    """Record what a key is called; None takes the label away."""
    decide = partial(keys.label_key, app_key=app_key, label=label)
    await ledger.configure(ctx, lambda account: decide(account.configuration))


async def rotate_key(
    ledger: Ledger, ctx: CommandContext, app_key: str, overlap_seconds: int
) -> str:
    """A new token for a key; the present one opens for the overlap."""
    token = new_token()

    def decide(account: Account) -> list[AccountEvent]:
        return [
            *keys.rotate_key(
                account.configuration,
                app_key,
                token_hash=hash_of(token).hex(),
                overlap_seconds=overlap_seconds,
            )
        ]

    await ledger.configure(ctx, decide)
    return token


async def revoke_key(ledger: Ledger, ctx: CommandContext, app_key: str) -> None:
    """Shut the key out for good; nothing new for one that is revoked."""
    await ledger.configure(ctx, lambda account: keys.revoke_key(account.configuration, app_key))
