"""Which tables go along with an account that moves, and how.

Every table of a cell is in one of these lists; a test holds them against the tables there are.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table, func, literal, or_, select

from oms_ledger.eventstore.tables import sequences, unique_keys
from projections import tables as t
from projections.carts.tables import cart_persons, carts
from projections.conversation.tables import (
    conversation_aliases,
    conversation_messages,
    mail_providers,
    mail_templates,
)
from projections.masterdata.tables import trigger_secrets
from projections.offers.tables import offers
from projections.operators.tables import operator_roles, saved_views
from projections.outbox.tables import outbox_attempts, outbox_messages, outbox_recipients
from projections.policies.tables import order_authorizations, policy_dimensions
from projections.streams.outgoing import KIND as STREAM
from projections.streams.tables import outgoing_streams
from projections.subscriptions import registry

WITH_EVENTS = frozenset({"events", "data_keys", "former_positions", "account_heads"})
"""Tables that come to be where the events are adopted."""

PROJECTED = frozenset(
    {
        *("order_views", "order_search_terms", "order_totals", "timers", "customer_index"),
        *("documents", "document_terms", "document_schemas", "document_entities"),
    }
)
"""Tables that the other cell's projector makes of the events."""

OF_THE_CELL = frozenset(
    {
        *("seals", "anchors", "key_checks", "hosted", "leases", "process_metrics"),
        *("outbox_starts", "configuration_imports"),
        *("operators", "operator_sessions", "sign_in_links", "sign_in_failures"),
        *("export_chunks", "jobs", "job_inputs", "run_orders"),
        *("document_scrolls", "document_scroll_items"),
    }
)
"""Tables that stay: the cell's own, its people, and what was asked of this cell and is over."""

Row = dict[str, Any]
Translate = Callable[[Iterable[int]], Mapping[int, int]]


@dataclass(frozen=True)
class Moved:
    """A table that goes along. `scope` says which rows are an account's.

    `exact` columns are positions of events, to be those of the other cell; `floors` are places in
    the ledger. `since` is a column that says when a row was last written: of a large table what is
    older is copied while the account is still in use, and again only what is younger.
    """

    table: Table
    scope: Callable[[str], ColumnElement[bool]]
    exact: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    optional: frozenset[str] = field(default=frozenset())
    """Exact columns whose value may be no position of an event: it stays as it is then."""
    deleted: bool = False
    """Whether rows go away by themselves, and must not be there again because of an early copy."""

    def written_since(self, instant: int) -> ColumnElement[bool]:
        """The rows written since this instant (microseconds), and those that do not say when."""
        columns = [self.table.c[name] for name in self.since]
        return or_(*(func.coalesce(column, instant) >= instant for column in columns))


def _of_account(table: Table) -> Callable[[str], ColumnElement[bool]]:
    return lambda account: table.c.account == account


def _of_keys(table: Table) -> Callable[[str], ColumnElement[bool]]:
    keys = t.app_keys.c
    return lambda account: table.c.app_key.in_(select(keys.app_key).where(keys.account == account))


def subscriptions_of(account: str) -> ColumnElement[bool]:
    """The subscriptions of an account's feeds and hooks."""
    return _named(t.subscriptions.c.id)(account)


def _named(column: ColumnElement[str]) -> Callable[[str], ColumnElement[bool]]:
    def scope(account: str) -> ColumnElement[bool]:
        keys = t.app_keys.c
        return or_(
            *(
                column.in_(select(kind.name + ":" + keys.app_key).where(keys.account == account))
                for kind, _ in registry.of_keys()
            )
        )

    return scope


def subscriptions_of_streams(account: str) -> ColumnElement[bool]:
    """The subscriptions of an account's outgoing streams."""
    s = outgoing_streams.c
    names = select(literal(f"{STREAM}:") + s.name).where(s.account == account)
    return t.subscriptions.c.id.in_(names)


def _of_tasks(account: str) -> ColumnElement[bool]:
    return t.task_history.c.task.in_(select(t.tasks.c.id).where(t.tasks.c.account == account))


def _of_messages(account: str) -> ColumnElement[bool]:
    """Those of messages that are there, and those to hooks, whose messages may be gone."""
    m, keys = outbox_messages.c, t.app_keys.c
    return or_(
        outbox_attempts.c.message.in_(select(m.id).where(m.account == account)),
        outbox_attempts.c.recipient.in_(select(keys.app_key).where(keys.account == account)),
    )


_POSITION = ("position",)
MOVED: tuple[Moved, ...] = (
    # Keys first: what is theirs is found by them.
    Moved(t.app_keys, _of_account(t.app_keys)),
    *(
        Moved(table, _of_account(table))
        for table in (
            *(sequences, t.token_bounds, t.feeds, t.hooks, t.sellers, t.affiliates, t.gateways),
            *(trigger_secrets, operator_roles, saved_views, t.notes, t.task_targets),
            *(
                mail_templates,
                mail_providers,
                conversation_aliases,
                policy_dimensions,
                order_authorizations,
            ),
            *(outbox_recipients, cart_persons, offers, conversation_messages),
        )
    ),
    Moved(unique_keys, _of_account(unique_keys), since=("taken_at",)),
    Moved(carts, _of_account(carts), since=("written_at",), deleted=True),
    Moved(t.tasks, _of_account(t.tasks), ("flow_position",), optional=frozenset({"flow_position"})),
    Moved(t.task_history, _of_tasks),
    Moved(t.subscriptions, subscriptions_of, floors=("position", "replay_until")),
    Moved(outgoing_streams, _of_account(outgoing_streams), floors=("start",)),
    Moved(t.subscriptions, subscriptions_of_streams, floors=("position", "replay_until")),
    Moved(t.feed_items, _of_keys(t.feed_items), _POSITION),
    Moved(t.single_fire_orders, _named(t.single_fire_orders.c.subscription), _POSITION),
    Moved(t.filter_timeouts, _named(t.filter_timeouts.c.subscription), _POSITION),
    Moved(t.filter_pauses, _named(t.filter_pauses.c.subscription), _POSITION),
    Moved(t.dead_letters, _named(t.dead_letters.c.subscription), _POSITION),
    Moved(
        t.filter_stats,
        _named(t.filter_stats.c.subscription),
        ("last_failure_position",),
        optional=frozenset({"last_failure_position"}),
    ),
    Moved(
        outbox_messages,
        _of_account(outbox_messages),
        _POSITION,
        since=("completed_at", "since", "produced_at"),
        optional=frozenset(_POSITION),
        deleted=True,
    ),
    Moved(outbox_attempts, _of_messages, _POSITION, since=("at",), optional=frozenset(_POSITION)),
)


def letter_here(row: Row, positions: Mapping[int, int]) -> Row:
    """A dead letter of a feed has the whole item in it, with its position."""
    if not row["subscription"].startswith("feed:"):
        return row
    content = json.loads(row["content"])
    content["position"] = positions.get(content["position"], content["position"])
    return {**row, "content": json.dumps(content)}
