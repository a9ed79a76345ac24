"""A database from before deliveries were messages of the outbox: what waits, died and was tried."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from oms_ledger import migrations
from oms_ledger.cell import Cell
from oms_ledger.migrations import migrate
from oms_ledger.notifications.channel import WEBHOOK
from oms_ledger.settings import Settings
from projections.notifications import deliveries, hook_letters, hooks
from projections.outbox import attempts, claims
from projections.outbox.attempts import Attempt
from projections.subscriptions import dead_letters
from projections.subscriptions.notification import event_id
from tests.conftest import MASTER_KEY
from tests.support.clock import SettableClock

BEFORE = "0035_moved_accounts"
NOW = 1_000
TABLES = ("deliveries", "attempts", "dead_letters", "hooks")


def content(position: int) -> str:
    return json.dumps({"State": "handling", "position": position})


def row(position: int, order_id: str, **more: Any) -> dict[str, Any]:
    of_hook = {"app_key": "key", "position": position, "order_id": order_id}
    known = {"event_id": event_id("hook:key", position), "notification": content(position)}
    return {**of_hook, **known, "produced_at": 5, "due_at": 6, "attempts": 0, **more}


def attempt(position: int, number: int, outcome: str, **more: Any) -> dict[str, Any]:
    of_hook = {"app_key": "key", "position": position, "attempt": number}
    return {**of_hook, "at": 10 + number, "duration": 2, "outcome": outcome, **more}


STORED: dict[str, list[dict[str, Any]]] = {
    "deliveries": [
        row(1, "v1-01", attempts=2, due_at=9, replayed=True),
        row(2, "odd/1", replayed=False),
    ],
    "dead_letters": [
        {"subscription": subscription, "position": position, "order_id": "v1-01", "at": 8}
        | {"reason": "HTTP 500", "content": content(position)}
        for subscription, position in (("hook:key", 1), ("hook:key", 3), ("feed:key", 3))
    ],
    "attempts": [
        attempt(1, 1, "HTTP 503", order_id="v1-01", next_at=9),
        attempt(1, 2, "no answer within 5 s", order_id="v1-01", next_at=9),
        *(attempt(3, number, "HTTP 500") for number in (1, 2, 3)),
        attempt(4, 1, "HTTP 200", order_id="v4-01"),
    ],
}


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> Iterator[Cell]:
    settings = Settings(data_dir=tmp_path, database_url=database_url, master_key=MASTER_KEY)
    cell = Cell(settings, SettableClock())
    config = migrations._config()
    with cell.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    sealed = cell.encryption.seal(b"{}", "hook:key")
    hook: dict[str, Any] = {
        "app_key": "key",
        "account": "acme",
        "filter": "{}",
        "url": "https://x.example/",
    }
    hook |= {"headers": sealed, "secret": sealed, "generation": "g", "created_at": 1}
    hook |= {"last_notification_at": 1, "consecutive_failures": 4, "circuit_open_until": 77}
    with cell.database.writing() as connection:
        for table, rows in {**STORED, "hooks": [hook]}.items():
            for values in rows:
                names = ", ".join(values)
                given = ", ".join(f":{name}" for name in values)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({given})"), values)
    yield cell
    cell.close()


def test_what_waits_goes_on_with_its_ids_and_attempts(old: Cell) -> None:
    migrate(old.database)
    with old.database.snapshot() as connection:
        first, second = deliveries.peek(connection, "key", 0, 10)
        hook = hooks.get(connection, "key", old.encryption)
        due = claims.waiting(connection, WEBHOOK, "key", NOW, 10)
        named = deliveries.with_due(connection, NOW)
    assert (first.id, first.order_id) == (event_id("hook:key", 1), "v1-01")
    assert (first.due_at, first.since, first.attempts, first.kind) == (9, 5, 2, "replay")
    assert (second.ordering_key, second.kind) == ("acme/order/odd/1", "notification")
    assert [one.body["position"] for one in due] == [1, 2]
    assert named == ["key"]
    assert hook is not None
    assert (hook.consecutive_failures, hook.circuit_open_until) == (4, 77)


def test_the_dead_are_put_back_and_their_attempts_counted_on(old: Cell) -> None:
    """What died before, was requeued and waits still is not two."""
    migrate(old.database)
    with old.database.writing() as connection:
        (letter,) = hook_letters.take(connection, "hook:key", [1, 2, 3])
        of_feed = dead_letters.page(connection, "feed:key", 0, 10)
        deliveries.requeue(connection, "key", [letter], NOW)
        *_, back = claims.waiting(connection, WEBHOOK, "key", NOW, 10)
        attempts.record_success(connection, back, Attempt(NOW, 1, 200, "HTTP 200"))
        made = deliveries.attempts_of(connection, "key", position=3)
    assert (letter.position, letter.reason, letter.at) == (3, "HTTP 500", 8)
    assert letter.content == content(3)
    assert [one.position for one in of_feed] == [3]
    assert [one.attempt for one in made] == [4, 3, 2, 1]


def test_attempts_are_listed_as_before_the_latest_first(old: Cell) -> None:
    migrate(old.database)
    with old.database.snapshot() as connection:
        made = deliveries.attempts_of(connection, "key")
        failed = deliveries.attempts_of(connection, "key", failed=True)
    assert [(one.position, one.attempt) for one in made] == [
        *((3, 3), (3, 2), (1, 2), (4, 1), (3, 1), (1, 1)),
    ]
    assert made[2].outcome == "no answer within 5 s"
    assert (made[3].order_id, made[3].next_at) == ("v4-01", None)
    assert len(failed) == 5


def test_who_goes_back_finds_what_there_was(old: Cell) -> None:
    config = migrations._config()
    before = stored(old)
    migrate(old.database)
    with old.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, BEFORE)
    after = stored(old)
    assert ("hook:key", 1) not in {(one["subscription"], one["position"]) for one in after[2]}
    before[2].remove(next(one for one in before[2] if one["subscription"] == "hook:key"))
    assert after == before


def stored(cell: Cell) -> list[list[dict[str, Any]]]:
    with cell.database.snapshot() as connection:
        found = [connection.execute(text(f"SELECT * FROM {table}")) for table in TABLES]
        rows = [[dict(row._mapping) for row in result] for result in found]
    return [
        sorted(({name: one[name] for name in sorted(one)} for one in of), key=str) for of in rows
    ]
