"""The kinds of subscriptions that there are, and what a name of a subscription says of its kind."""

from collections.abc import Iterator

from sqlalchemy import Table

from oms_ledger.accounts.roles import OPERATIONS
from projections.masterdata import trigger_kind
from projections.notifications import feed_kind, hook_kind
from projections.subscriptions.kinds import OfKeys, SubscriptionKind

KINDS: dict[str, SubscriptionKind] = {
    kind.name: kind
    for kind in (
        feed_kind.KIND,
        hook_kind.KIND,
        trigger_kind.KIND,
    )
}


def of_keys() -> Iterator[tuple[SubscriptionKind, OfKeys]]:
    """The kinds whose subscriptions are of app keys."""
    for kind in KINDS.values():
        if kind.of_keys is not None:
            yield kind, kind.of_keys


def owners() -> list[tuple[str, Table]]:
    """How the names of their subscriptions begin, and the tables that say whose they are."""
    return [(f"{kind.name}:", keys.owners) for kind, keys in of_keys()]


def operations() -> dict[str, frozenset[str]]:
    """Every operation, those of the kinds included, with the resources of which one opens it."""
    return {**OPERATIONS, **{n: r for kind in KINDS.values() for n, r in kind.operations.items()}}
