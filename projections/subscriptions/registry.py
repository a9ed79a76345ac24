"""The kinds of subscriptions that there are, and what a name of a subscription says of its kind."""

from collections.abc import Iterator

from sqlalchemy import Column

from oms_ledger.accounts.roles import OPERATIONS
from projections.masterdata import trigger_kind
from projections.notifications import feed_kind, hook_kind
from projections.streams import stream_kind
from projections.subscriptions.kinds import OfKeys, SubscriptionKind

KINDS: dict[str, SubscriptionKind] = {
    kind.name: kind
    for kind in (
        feed_kind.KIND,
        hook_kind.KIND,
        trigger_kind.KIND,
        stream_kind.KIND,
    )
}


def of_keys() -> Iterator[tuple[SubscriptionKind, OfKeys]]:
    """The kinds whose subscriptions are of app keys."""
    for kind in KINDS.values():
        if kind.of_keys is not None:
            yield kind, kind.of_keys


def owners() -> dict[str, Column[str]]:
    """The kinds whose subscriptions pass the events of one account alone, by name.

    With the rest of the subscriptions' names, in tables that say by `account` whose they are.
    """
    found: dict[str, Column[str]] = {kind.name: keys.owners.c.app_key for kind, keys in of_keys()}
    return found | {k.name: k.owners for k in KINDS.values() if k.owners is not None}


def operations() -> dict[str, frozenset[str]]:
    """Every operation, those of the kinds included, with the resources of which one opens it."""
    return {**OPERATIONS, **{n: r for kind in KINDS.values() for n, r in kind.operations.items()}}


def needed_for(operation: str) -> frozenset[str]:
    """The resources of which one opens an operation; none for what everybody may."""
    found = OPERATIONS.get(operation)
    return operations()[operation] if found is None else found


def permits(resources: frozenset[str], operation: str) -> bool:
    """Whether somebody with these resources may do it."""
    needed = needed_for(operation)
    return not needed or not needed.isdisjoint(resources)
