"""Feeds: their configuration, and the queue of items that a client retrieves and commits."""

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    bindparam,
    cast,
    delete,
    func,
    select,
    tuple_,
    update,
)

from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.adoption import positions_here
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.ledger import AccountMoved
from oms_ledger.eventstore.store import last_position
from projections.subscriptions import checkpoints, dead_letters, leases
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.notification import (
    Notification,
    insert_missing,
    insert_notifications,
)
from projections.subscriptions.sink import SubscriptionSink, forget
from projections.tables import feed_items, feeds, filter_stats

SECOND = 1_000_000
FRUITLESS_RETRIEVALS, FRUITLESS_AGE = 100, 4 * 86_400 * SECOND


class ForgedHandle(Exception):
    """A handle that this deployment never gave to this key; the argument is its index."""


def subscription_of(app_key: str) -> str:
    """The subscription of a key's feed."""
    return f"feed:{app_key}"


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as configured: the filter as posted, visibility and retention in seconds."""

    app_key: str
    account: str
    filter: dict[str, Any]
    visibility: int
    retention: int
    generation: str = ""
    created_at: int = 0
    last_item_at: int = 0

    @property
    def expires_at(self) -> int:
        """When it is removed if no item comes until then, in microseconds."""
        return self.last_item_at + self.retention * SECOND


class FeedQueue(SubscriptionSink):
    """Destination of a feed's subscription: its queue."""

    def __init__(self, database: Database, feed: Feed) -> None:
        super().__init__(database, subscription_of(feed.app_key), feed.account, feed.filter)
        self.app_key = feed.app_key

    def store_notifications(
        self, connection: Connection, notifications: Sequence[Notification]
    ) -> None:
        """Put them into the queue, visible at once; one that is there already stays as it is."""
        now, key = self.database.clock.micros(), self.app_key
        more = {"app_key": key, "produced_at": now, "visible_at": now}
        insert_notifications(
            connection,
            feed_items,
            [{**asdict(notification), **more} for notification in notifications],
        )
        connection.execute(update(feeds).where(feeds.c.app_key == key).values(last_item_at=now))


def get(connection: Connection, app_key: str) -> Feed | None:
    """The key's feed; None where it has none."""
    row = connection.execute(select(feeds).where(feeds.c.app_key == app_key)).one_or_none()
    return None if row is None else _feed(row)


def _feed(row: Row[Any]) -> Feed:
    return Feed(**{**row._mapping, "filter": json.loads(row.filter)})


def fresh(now: int) -> dict[str, Any]:
    """What a new feed begins with besides its configuration."""
    return {"generation": secrets.token_hex(4), "last_item_at": now}


def changing(
    connection: Connection, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    """What goes along with a change of a feed's row.

    A new feed starts after the last event. Another filter fences whoever is evaluating by the
    previous one, and clears the memory of fired orders. A feed goes with its queue.
    """
    subscription = subscription_of((after or before or {})["app_key"])
    if before is None:
        if checkpoints.position(connection, subscription) is None:
            checkpoints.create(connection, subscription, last_position(connection), kind="feed")
    elif after is None:
        checkpoints.drop(connection, subscription)
        forget(connection, subscription)
        connection.execute(delete(feed_items).where(feed_items.c.app_key == before["app_key"]))
    elif before["filter"] != after["filter"]:
        leases.fence(connection, subscription)
        forget(connection, subscription)


def size(connection: Connection, app_key: str, now: int) -> tuple[int, int]:
    """How many items are stored, the invisible ones included, and the oldest's age in seconds."""
    query = select(func.count(), func.min(feed_items.c.produced_at))
    count, oldest = connection.execute(query.where(feed_items.c.app_key == app_key)).one()
    return count, (now - oldest) // SECOND if oldest else 0


def _retrieval() -> Any:
    """One statement: find what is visible, hide it, and return it with what the feed says."""
    feed = feeds.c.app_key == bindparam("key")
    live = select(feeds.c.app_key).where(feed, hosting.is_live(feeds.c.account)).exists()
    visible = (
        select(feed_items.c.position)
        .where(
            feed_items.c.app_key == bindparam("key"),
            feed_items.c.visible_at <= bindparam("now"),
            live,
        )
        .order_by(feed_items.c.position)
        .limit(bindparam("count"))
        .with_for_update(skip_locked=True)
        .cte("visible")
    )
    hidden_for = cast(feeds.c.visibility, BigInteger) * SECOND  # no 32 bits hold 43,200 s
    lasts = feeds.c.last_item_at + cast(feeds.c.retention, BigInteger) * SECOND
    return (
        update(feed_items)
        .where(
            feed_items.c.app_key == bindparam("key"),
            feed_items.c.position.in_(select(visible.c.position)),
        )
        .values(
            visible_at=bindparam("now") + select(hidden_for).where(feed).scalar_subquery(),
            retrievals=feed_items.c.retrievals + 1,
        )
        .returning(
            *feed_items.c,
            select(feeds.c.generation).where(feed).scalar_subquery().label("generation"),
            select(lasts).where(feed).scalar_subquery().label("expires_at"),
        )
    )


_RETRIEVAL = _retrieval()


@dataclass(frozen=True, slots=True)
class Lot:
    """Items with fresh handles, in the order of the ledger, and when the feed would expire."""

    items: list[tuple[str, dict[str, Any]]]
    expires_at: int


def retrieve(
    connection: Connection, app_key: str, count: int, encryption: Encryption, now: int
) -> Lot | None:
    """Up to `count` visible items, hidden from now for the visibility time; None without any.

    One statement. Whoever polls at the same time gets other items, for PostgreSQL passes over what
    another has locked, and SQLite has one writer at a time.
    """
    found = connection.execute(_RETRIEVAL, {"key": app_key, "count": count, "now": now})
    rows = sorted((dict(row._mapping) for row in found), key=lambda row: int(row["position"]))
    if not rows:
        return None
    items = [(_handle(app_key, row, encryption), row) for row in rows]
    return Lot(items, int(rows[0]["expires_at"]))


def empty_lot(connection: Connection, app_key: str) -> Lot | None:
    """What a poll finds where nothing is visible; None without a feed."""
    feed = get(connection, app_key)
    return None if feed is None else Lot([], feed.expires_at)


def _handle(app_key: str, item: dict[str, Any], encryption: Encryption) -> str:
    place = f"{item['generation']}.{item['position']}.{item['retrievals']}"
    signature = encryption.sign(f"handle:{app_key}:{place}")
    return base64.urlsafe_b64encode(f"{place}.{signature}".encode()).decode()


_GENERATION = select(feeds.c.generation).where(
    feeds.c.app_key == bindparam("key"), hosting.is_live(feeds.c.account)
)
_COMMIT = delete(feed_items).where(
    feed_items.c.app_key == bindparam("key"),
    feed_items.c.position.in_(bindparam("positions", expanding=True)),
    tuple_(_GENERATION.scalar_subquery(), feed_items.c.position).in_(
        bindparam("places", expanding=True)
    ),
)


def commit(
    connection: Connection,
    app_key: str,
    handles: Sequence[str],
    encryption: Encryption,
    here: Callable[[list[tuple[str, int]]], list[tuple[str, int]]] = list,
) -> int:
    """Remove the items of the handles; all or nothing: `ForgedHandle` names the first bad one.

    `here` says where the places, generation and position, of the handles are in this cell.

    A handle of an item that is gone, or was retrieved again since, is harmless; so is one of a
    feed that was deleted, when the key has another since.
    """
    places: list[tuple[str, int]] = []
    for index, handle in enumerate(handles):
        place, _, signature = _read(handle).rpartition(".")
        expected = encryption.sign(f"handle:{app_key}:{place}")
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise ForgedHandle(index)
        generation, position, _ = place.split(".")
        places.append((generation, int(position)))
    # A key that had several feeds commits to the one it has now; the others' items are gone.
    places = here(places)
    if not places:
        return 0
    positions = [position for _, position in places]
    given = {"key": app_key, "positions": positions, "places": places}
    return connection.execute(_COMMIT, given).rowcount


def require_live(connection: Connection, app_key: str) -> None:
    """Raise when the account of a feed is another cell's: what was not removed may be there."""
    query = select(feeds.c.account).where(
        feeds.c.app_key == app_key, feeds.c.account.in_(hosting.elsewhere())
    )
    if account := connection.execute(query).scalar_one_or_none():
        raise AccountMoved(account)


def moved_generation(generation: str, cell: str) -> str:
    """The generation of a feed that came from a cell: it says where handles of before are from."""
    return f"{generation}~{cell}"


def places_here(
    connection: Connection, app_key: str, places: list[tuple[str, int]]
) -> list[tuple[str, int]]:
    """Where the items of handles are that cells gave which hosted the account before."""
    feed = get(connection, app_key)
    if feed is None or "~" not in feed.generation:
        return places
    former: dict[str, list[int]] = {}
    for generation, position in places:
        former.setdefault(generation, []).append(position)
    found = []
    for generation, positions in former.items():
        rest = feed.generation.removeprefix(f"{generation}~")
        if rest == feed.generation:  # its own, or of a feed that was there before
            found += [(generation, position) for position in positions]
            continue
        cell = rest.partition("~")[0]
        at = positions_here(connection, feed.account, cell, positions)
        found += [(feed.generation, at[one]) for one in positions if one in at]
    return found


def _read(handle: str) -> str:
    try:
        return base64.b64decode(handle, altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        return ""


def dead_letter(connection: Connection, now: int) -> int:
    """Items beyond retention, or fruitlessly retrieved, go to the dead letters; how many.

    Feeds without an old item cost nothing: those with one are found by the age of items.
    """
    shortest = connection.execute(select(func.min(feeds.c.retention))).scalar_one()
    if shortest is None:
        return 0
    dead_lettered = 0
    youngest = now - min(shortest * SECOND, FRUITLESS_AGE)
    dead = (
        select(feeds.c.app_key, feeds.c.retention)
        .where(
            feeds.c.app_key == feed_items.c.app_key,
            feed_items.c.produced_at < youngest,
            _dead(now, cast(feeds.c.retention, BigInteger) * SECOND),
        )
        .distinct()
    )
    for app_key, retention in connection.execute(dead).all():
        deleted = (
            delete(feed_items)
            .where(feed_items.c.app_key == app_key, _dead(now, retention * SECOND))
            .returning(*feed_items.c)
        )
        letters_ = [_letter(item, now) for item in connection.execute(deleted)]
        dead_letters.dead_letter(connection, subscription_of(app_key), letters_)
        dead_lettered += len(letters_)
    return dead_lettered


def _dead(now: int, retention: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Whether an item's time is over, by the retention of its feed in microseconds."""
    expired = feed_items.c.produced_at + retention < now
    fruitless = (feed_items.c.retrievals >= FRUITLESS_RETRIEVALS) & (
        feed_items.c.produced_at < now - FRUITLESS_AGE
    )
    return expired | fruitless


def _letter(item: Row[Any], now: int) -> DeadLetter:
    reason = "retention" if item.retrievals < FRUITLESS_RETRIEVALS else "fruitless"
    content = json.dumps(dict(item._mapping))
    return DeadLetter(item.position, item.order_id, reason, now, content)


def requeue(connection: Connection, app_key: str, letters_: Sequence[DeadLetter], now: int) -> None:
    """Dead items are in the queue again, as if they were new."""
    fresh = {"produced_at": now, "visible_at": now, "retrievals": 0}
    insert_missing(
        connection, feed_items, [{**json.loads(one.content), **fresh} for one in letters_]
    )


def peek(connection: Connection, app_key: str, after: int, limit: int) -> list[dict[str, Any]]:
    """The items past a position as they are, hidden or not; nothing changes by looking."""
    query = (
        select(feed_items)
        .where(feed_items.c.app_key == app_key, feed_items.c.position > after)
        .order_by(feed_items.c.position)
        .limit(limit)
    )
    return [
        {f"{name}": row._mapping[name] for name in row._mapping}
        for row in connection.execute(query)
    ]


def overview(connection: Connection, account: str | None = None) -> list[dict[str, Any]]:
    """Feeds with their filters, how much waits and is dead, and what evaluating came to."""
    query = select(feeds).order_by(feeds.c.account, feeds.c.app_key)
    if account is not None:
        query = query.where(feeds.c.account == account)
    counted = select(feed_items.c.app_key, func.count()).group_by(feed_items.c.app_key)
    items = {key: count for key, count in connection.execute(counted)}
    costs = {row.subscription: row for row in connection.execute(select(filter_stats))}
    sinks = []
    for row in connection.execute(query).all():
        subscription = subscription_of(row.app_key)
        cost = costs.get(subscription)
        sinks.append(
            {
                "appKey": row.app_key,
                "account": row.account,
                "filter": json.loads(row.filter),
                "items": items.get(row.app_key, 0),
                "evaluated": cost.evaluated if cost else 0,
                "matched": cost.matched if cost else 0,
                "failed": cost.failed if cost else 0,
                "evaluationMicroseconds": cost.micros if cost else 0,
                "lastFailure": cost.last_failure if cost else None,
                "deadLetters": dead_letters.count(connection, subscription),
            }
        )
    return sinks


def _is_unused(now: int) -> ColumnElement[bool]:
    return feeds.c.last_item_at + cast(feeds.c.retention, BigInteger) * SECOND < now


def unused(connection: Connection, now: int) -> list[tuple[str, str]]:
    """Accounts and keys of feeds that got no new item for their retention period."""
    query = select(feeds.c.account, feeds.c.app_key).where(_is_unused(now))
    return [(account, app_key) for account, app_key in connection.execute(query)]


def is_unused(connection: Connection, app_key: str, now: int) -> bool:
    """Whether it still is; whoever evaluates for it waits until the transaction ends."""
    leases.lock(connection, subscription_of(app_key))
    query = select(feeds.c.app_key).where(feeds.c.app_key == app_key, _is_unused(now))
    return connection.execute(query).first() is not None


def destinations(connection: Connection, database: Database, account: str) -> list[FeedQueue]:
    """Of all feeds of the account, in a stable order."""
    query = select(feeds).where(feeds.c.account == account).order_by(feeds.c.app_key)
    return [FeedQueue(database, _feed(row)) for row in connection.execute(query)]
