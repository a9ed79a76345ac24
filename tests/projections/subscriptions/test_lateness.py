"""What a sweep costs follows what happened: ten thousand quiet accounts are not looked at."""

import asyncio

import pytest
from sqlalchemy import event, insert, select, text, update

from oms_ledger.eventstore.tables import account_heads
from projections.ops.metrics import MOST_NAMED, collect_metrics
from projections.outbox.tables import outbox_recipients
from projections.subscriptions import lateness, leases
from projections.subscriptions.lateness import WHOLE, Watch
from projections.tables import feeds, filter_stats, hooks, subscriptions
from projections.tables import leases as leases_table
from tests.support.purchases import ACCOUNT, open_account, place
from workers import scheduler

ACCOUNTS = 1_500


class Seconds:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def many(cell):
    """A feed and a hook for each of many accounts, of which one writes."""
    asyncio.run(open_account(cell.ledger))
    keys = [f"vtexappkey-a{number}-ABCDEF" for number in range(ACCOUNTS)]
    accounts = [ACCOUNT, *(f"a{number}" for number in range(1, ACCOUNTS))]
    owned = list(zip(keys, accounts, strict=True))
    with cell.database.writing() as connection:
        connection.execute(insert(feeds), [feed(*one, cell.clock.micros()) for one in owned])
        connection.execute(insert(hooks), [hook(*one, cell.clock.micros()) for one in owned])
        names = [(kind, f"{kind}:{key}") for kind in ("feed", "hook") for key in keys]
        connection.execute(
            insert(subscriptions), [{"id": n, "kind": k, "position": 0} for k, n in names]
        )
        recipients = [{"channel": "webhook", "recipient": k, "account": a} for k, a in owned]
        connection.execute(insert(outbox_recipients), recipients)
        held = [*(name for _, name in names), *(f"delivery:{key}" for key in keys)]
        connection.execute(
            insert(leases_table), [{"name": n, "token": 1, "expires_at": 0} for n in held]
        )
        counted = {"evaluated": 2, "matched": 1, "failed": 0, "micros": 1000}
        connection.execute(insert(filter_stats), [{"subscription": n, **counted} for _, n in names])
    return cell


def feed(key: str, account: str, now: int) -> dict[str, object]:
    return {
        "app_key": key,
        "account": account,
        "filter": '{"type": "FromWorkflow", "status": []}',
        "visibility": 240,
        "retention": 345_600,
        "generation": "g",
        "created_at": now,
        "last_item_at": now,
    }


def hook(key: str, account: str, now: int) -> dict[str, object]:
    return {
        "app_key": key,
        "account": account,
        "filter": '{"type": "FromWorkflow", "status": []}',
        "url": "https://example.com",
        "headers": b"",
        "secret": b"",
        "generation": "g",
        "created_at": now,
        "last_notification_at": now,
    }


def write(cell, number: int) -> None:
    asyncio.run(place(cell.ledger, f"v{number}-01", number))


def positions(cell) -> dict[str, int]:
    with cell.database.reading() as connection:
        return dict(connection.execute(select(subscriptions.c.id, subscriptions.c.position)).all())


def test_the_last_position_of_each_account_is_kept_whatever_appends(cell):
    asyncio.run(open_account(cell.ledger))
    asyncio.run(open_account(cell.ledger, name="other"))
    for number in range(3):
        write(cell, number)
    last = text("SELECT account, max(position) FROM events GROUP BY account")
    with cell.database.snapshot() as connection:
        kept = connection.execute(select(account_heads.c.account, account_heads.c.position))
        assert sorted(map(tuple, kept)) == sorted(map(tuple, connection.execute(last)))


def test_only_accounts_that_wrote_are_late(many):
    write(many, 1)
    with many.database.snapshot() as connection:
        assert lateness.late_accounts(connection) == {ACCOUNT}
        assert lateness.late_accounts(connection, []) == set()
        assert lateness.late_accounts(connection, ["a1"]) == set()
        behind = lateness.behind(connection, many.store.head())
    assert {name for name in behind if ":" in name} == {
        "feed:vtexappkey-a0-ABCDEF",
        "hook:vtexappkey-a0-ABCDEF",
    }


def test_a_reconciliation_looks_at_who_wrote_since_and_at_who_was_late(many):
    seconds = Seconds()
    watch = Watch(seconds)
    with many.database.snapshot() as connection:
        assert watch.late_accounts(connection) == {ACCOUNT}
        assert watch.late_accounts(connection) == {ACCOUNT}  # still late, though nobody wrote
    mine = subscriptions.c.id.in_(["feed:vtexappkey-a0-ABCDEF", "hook:vtexappkey-a0-ABCDEF"])
    with many.database.writing() as connection:
        connection.execute(update(subscriptions).where(mine).values(position=many.store.head()))
    with many.database.snapshot() as connection:
        assert watch.late_accounts(connection) == set()
    write(many, 1)
    with many.database.snapshot() as connection:
        assert watch.late_accounts(connection) == {ACCOUNT}
    with many.database.writing() as connection:
        connection.execute(update(subscriptions).where(mine).values(position=many.store.head()))
    with many.database.snapshot() as connection:
        assert watch.late_accounts(connection) == set()
    with many.database.writing() as connection:  # put back, and the signal is lost
        connection.execute(update(subscriptions).where(mine).values(position=0))
    with many.database.snapshot() as connection:
        assert watch.late_accounts(connection) == set()
        seconds.now = WHOLE
        assert watch.late_accounts(connection) == {ACCOUNT}


def test_a_reconciliation_writes_nothing_for_quiet_accounts(many):
    write(many, 1)
    before = positions(many)
    statements: list[str] = []

    def note(connection, _, statement, *more):
        statements.append(statement)

    event.listen(many.database.engine, "before_cursor_execute", note)
    scheduler.reconcile(many, Watch())
    event.remove(many.database.engine, "before_cursor_execute", note)
    assert positions(many) == before
    assert not [one for one in statements if one.lstrip().upper().startswith(("UPDATE", "INSERT"))]
    assert len(statements) < 20


def test_metrics_name_those_of_many_keys_that_are_not_well(many):
    write(many, 1)
    with many.database.writing() as connection:
        r = outbox_recipients
        failing = update(r).where(r.c.recipient == "vtexappkey-a7-ABCDEF")
        connection.execute(failing.values(consecutive_failures=3))
    token = leases.acquire(many.database, "feed:vtexappkey-a9-ABCDEF")
    assert token
    with many.database.snapshot() as connection:
        found = {
            one.name: one.values
            for one in collect_metrics(connection, many.store.head(), many.clock.micros())
        }
    assert sum(map(len, found.values())) < 2_000
    assert found["oms_hook_consecutive_failures"] == {("vtexappkey-a7-ABCDEF",): 3}
    named = {name for (name,) in found["oms_subscription_lag"] if ":" in name}
    assert named == {"feed:vtexappkey-a0-ABCDEF", "hook:vtexappkey-a0-ABCDEF"}
    assert {name for (name,) in found["oms_lease_held"] if ":" in name} == {
        "feed:vtexappkey-a9-ABCDEF"
    }
    assert found["oms_filter_evaluated_total"] == {
        ("feed:*",): 2 * ACCOUNTS,
        ("hook:*",): 2 * ACCOUNTS,
    }
    assert ACCOUNTS > MOST_NAMED
