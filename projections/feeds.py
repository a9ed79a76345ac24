"""Feeds: their configuration, and the queue of items that a client retrieves and commits."""

import base64
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, delete, func, insert, select, update

from oms_ledger.integrations.filters import FromOrders, parse_filter
from oms_ledger.ledger.database import Database
from oms_ledger.ledger.entry import Row
from oms_ledger.ledger.folds import Folds
from oms_ledger.ledger.vault import Vault
from projections import cursors
from projections.cursors import now_micros
from projections.notices import Notice, judge
from projections.tables import cursors as cursor_table
from projections.tables import dead_letters, feed_items, feeds, fired

SECOND = 1_000_000
FRUITLESS_RETRIEVALS, FRUITLESS_AGE = 100, 4 * 86_400 * SECOND


class ForgedHandle(Exception):
    """A handle that this deployment never gave to this key; the argument is its index."""


def cursor_of(app_key: str) -> str:
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


class FeedQueue:
    """Destination of a feed's cursor: its queue."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._filter = parse_filter(feed.filter)
        self._cursor = cursor_of(feed.app_key)

    def produce(self, rows: Sequence[Row], folds: Folds) -> list[Notice]:
        account = self._feed.account
        return judge(self._database, self._cursor, account, self._filter, rows, folds)

    def store(self, connection: Connection, produced: object) -> None:
        assert isinstance(produced, list)
        if not produced:
            return
        now, key = now_micros(), self._feed.app_key
        items = [
            {**asdict(notice), "app_key": key, "produced_at": now, "visible_at": now}
            for notice in produced
        ]
        connection.execute(insert(feed_items), items)
        if isinstance(self._filter, FromOrders) and not self._filter.disable_single_fire:
            remember_fired(connection, self._cursor, produced)
        connection.execute(update(feeds).where(feeds.c.app_key == key).values(last_item_at=now))


def remember_fired(connection: Connection, cursor: str, notices: Sequence[Notice]) -> None:
    rows = [{"cursor": cursor, "order_id": n.order_id, "position": n.position} for n in notices]
    connection.execute(insert(fired), rows)


def get(connection: Connection, app_key: str) -> Feed | None:
    row = connection.execute(select(feeds).where(feeds.c.app_key == app_key)).one_or_none()
    if row is None:
        return None
    return Feed(**{**row._mapping, "filter": json.loads(row.filter)})


def configure(connection: Connection, feed: Feed, head: int) -> None:
    """Create or replace; an equal configuration changes nothing at all.

    A new feed starts after `head`. Replacing fences whoever is judging by the old filter, and
    clears the memory of fired orders.
    """
    known, now = get(connection, feed.app_key), now_micros()
    values = {
        "account": feed.account,
        "filter": json.dumps(feed.filter),
        "visibility": feed.visibility,
        "retention": feed.retention,
    }
    cursor = cursor_of(feed.app_key)
    if known is None:
        connection.execute(
            insert(feeds).values(
                **values,
                app_key=feed.app_key,
                generation=secrets.token_hex(4),
                created_at=now,
                last_item_at=now,
            )
        )
        cursors.create(connection, cursor, head)
        return
    connection.execute(update(feeds).where(feeds.c.app_key == feed.app_key).values(**values))
    if known.filter != feed.filter:
        forget_fired(connection, cursor)
        fence(connection, cursor)


def forget_fired(connection: Connection, cursor: str) -> None:
    connection.execute(delete(fired).where(fired.c.cursor == cursor))


def fence(connection: Connection, cursor: str) -> None:
    """Whoever runs the cursor now stores nothing more and starts anew."""
    values = {"token": cursor_table.c.token + 1, "leased_until": 0}
    connection.execute(update(cursor_table).where(cursor_table.c.id == cursor).values(values))


def remove(connection: Connection, app_key: str) -> bool:
    """The feed, its queue and its cursor; False when there is none."""
    cursors.drop(connection, cursor_of(app_key))
    forget_fired(connection, cursor_of(app_key))
    connection.execute(delete(feed_items).where(feed_items.c.app_key == app_key))
    return connection.execute(delete(feeds).where(feeds.c.app_key == app_key)).rowcount > 0


def size(connection: Connection, app_key: str) -> tuple[int, int]:
    """How many items are stored, the invisible ones included, and the oldest's age in seconds."""
    query = select(func.count(), func.min(feed_items.c.produced_at))
    count, oldest = connection.execute(query.where(feed_items.c.app_key == app_key)).one()
    return count, (now_micros() - oldest) // SECOND if oldest else 0


def retrieve(
    connection: Connection, feed: Feed, count: int, vault: Vault, now: int
) -> list[tuple[str, dict[str, Any]]]:
    """Up to `count` visible items with fresh handles, hidden from now for the visibility time."""
    mine = feed_items.c.app_key == feed.app_key
    visible = (
        select(feed_items.c.position)
        .where(mine, feed_items.c.visible_at <= now)
        .order_by(feed_items.c.position)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    positions = list(connection.execute(visible).scalars())
    if not positions:
        return []
    hidden = (
        update(feed_items)
        .where(mine, feed_items.c.position.in_(positions))
        .values(visible_at=now + feed.visibility * SECOND, retrievals=feed_items.c.retrievals + 1)
        .returning(*feed_items.c)
    )
    items = [dict(row._mapping) for row in connection.execute(hidden)]
    items.sort(key=lambda item: item["position"])
    return [(_handle(feed, item, vault), item) for item in items]


def _handle(feed: Feed, item: dict[str, Any], vault: Vault) -> str:
    place = f"{feed.generation}.{item['position']}.{item['retrievals']}"
    signature = vault.sign(f"handle:{feed.app_key}:{place}")
    return base64.urlsafe_b64encode(f"{place}.{signature}".encode()).decode()


def commit(connection: Connection, feed: Feed, handles: Sequence[str], vault: Vault) -> int:
    """Remove the items of the handles; all or nothing: `ForgedHandle` names the first bad one.

    A handle of an item that is gone, or was retrieved again since, is harmless.
    """
    positions = []
    for index, handle in enumerate(handles):
        place, _, signature = _read(handle).rpartition(".")
        expected = vault.sign(f"handle:{feed.app_key}:{place}")
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            raise ForgedHandle(index)
        generation, position, _ = place.split(".")
        if generation == feed.generation:
            positions.append(int(position))
    mine = feed_items.c.app_key == feed.app_key
    gone = delete(feed_items).where(mine, feed_items.c.position.in_(positions))
    return connection.execute(gone).rowcount


def _read(handle: str) -> str:
    try:
        return base64.b64decode(handle, altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        return ""


def bury(connection: Connection, now: int) -> int:
    """Items beyond retention, or fruitlessly retrieved, go to the dead letters; how many."""
    buried = 0
    for row in connection.execute(select(feeds.c.app_key, feeds.c.retention)).all():
        mine = feed_items.c.app_key == row.app_key
        expired = feed_items.c.produced_at < now - row.retention * SECOND
        fruitless = (feed_items.c.retrievals >= FRUITLESS_RETRIEVALS) & (
            feed_items.c.produced_at < now - FRUITLESS_AGE
        )
        dead = connection.execute(select(feed_items).where(mine, expired | fruitless)).all()
        for item in dead:
            connection.execute(
                insert(dead_letters).values(
                    cursor=cursor_of(row.app_key),
                    position=item.position,
                    order_id=item.order_id,
                    why="retention" if item.retrievals < FRUITLESS_RETRIEVALS else "fruitless",
                    at=now,
                    content=json.dumps(dict(item._mapping)),
                )
            )
            at = feed_items.c.position == item.position
            connection.execute(delete(feed_items).where(mine, at))
        buried += len(dead)
    return buried


def unused(connection: Connection, now: int) -> list[str]:
    """Feeds that got no new item for their retention period."""
    query = select(feeds.c.app_key).where(
        feeds.c.last_item_at + cast(feeds.c.retention, BigInteger) * SECOND < now
    )
    return list(connection.execute(query).scalars())


def of_accounts(connection: Connection, accounts: Sequence[str]) -> list[str]:
    """The cursors of the accounts' feeds."""
    query = select(feeds.c.app_key).where(feeds.c.account.in_(accounts))
    return [cursor_of(key) for key in connection.execute(query).scalars()]
