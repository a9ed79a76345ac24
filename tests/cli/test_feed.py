"""`oms-ledger feed …`: what a feed did, would do and holds, for people and for scripts."""

import base64
import json

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from oms_ledger.cli import app
from projections.notifications import feeds
from projections.subscriptions import pauses
from projections.tables import feed_items
from tests.projections.subscriptions.test_checkpoints import filled

MASTER_KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def feed(cell, monkeypatch):
    """Runs a command of `oms-ledger feed` on the cell of the test."""
    monkeypatch.setenv("OMS_DATABASE_URL", cell.settings.database_url)
    monkeypatch.setenv("OMS_DATA_DIR", str(cell.settings.data_dir))
    monkeypatch.setenv("OMS_MASTER_KEY", MASTER_KEY)
    filled(cell, 2)

    def run(*words):
        return CliRunner().invoke(app, ["feed", *words], catch_exceptions=False)

    return run


def answer(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_feeds_are_listed_and_their_items_looked_at(feed):
    (listed,) = answer(feed("list", "--json"))
    assert (listed["appKey"], listed["items"], listed["deadLetters"]) == ("key-1", 18, 0)
    assert len(answer(feed("peek", "key-1", "--limit", "5", "--json"))) == 5
    assert "key-1" in feed("list").stdout
    assert feed("peek", "key-1").stdout.count("v1-01") > 1


def test_a_dry_run_and_an_explanation_of_another_filter(feed, cell):
    text = 'status = "payment-approved"'
    report = answer(feed("dry-run", "key-1", "--since", "0", "--filter", text, "--json"))
    assert (report["matched"], report["done"], report["head"]) == (2, True, cell.store.head())
    assert "2 notifications" in feed("dry-run", "key-1", "--since", "0", "--filter", text).stdout
    fields = answer(feed("explain", "key-1", "v1-01", "--filter", text, "--json"))
    assert [version["notification"] for version in fields["versions"]].count(True) == 1
    assert fields["reads"] == ["status"]
    refused = feed("explain", "key-1", "v1-01", "--filter", "status =")
    assert refused.exit_code == 2
    whole = json.dumps({"type": "FromWorkflow", "status": ["handling"]})
    assert answer(feed("dry-run", "key-1", "--since", "0", "--filter", whole, "--json"))["done"]


def test_a_feed_and_one_order_are_replayed(feed, cell):
    head = cell.store.head()
    assert answer(feed("replay", "key-1", "--since", "3", "--json")) == {"since": 3, "until": head}
    assert answer(feed("replay", "key-1", "--order", "v1-01", "--json"))["produced"] <= 9
    assert feed("replay", "key-1", "--since", "soon").exit_code == 2
    assert "Put back" in feed("replay", "key-1", "--since", "2020-01-01T00:00:00Z").stdout


def test_dead_letters_are_listed_and_requeued(feed, cell):
    with cell.database.writing() as connection:
        connection.execute(update(feed_items).values(produced_at=0))
        feeds.dead_letter(connection, cell.clock.micros())
    letters = answer(feed("dead-letters", "key-1", "--json"))
    assert len(letters) == 18
    position = str(letters[0]["position"])
    assert answer(feed("requeue", "key-1", position, "--json")) == {"requeued": 1}
    assert feed("requeue", "key-1").exit_code == 2
    assert "17 dead letters" in feed("requeue", "key-1", "--all").stdout
    assert answer(feed("dead-letters", "key-1", "--json")) == []


def test_what_is_done_by_command_is_an_event_of_the_account(feed, cell):
    with cell.database.writing() as connection:
        pauses.pause(connection, "feed:key-1", 1, "v1-01", cell.clock.micros())
        connection.execute(update(feed_items).values(produced_at=0))
        feeds.dead_letter(connection, cell.clock.micros())
    head = cell.store.head()
    answer(feed("replay", "key-1", "--since", "3", "--json"))
    answer(feed("replay", "key-1", "--order", "v1-01", "--json"))
    answer(feed("requeue", "key-1", "--all", "--json"))
    assert "goes on" in feed("resume-filter", "key-1").stdout
    assert "was not paused" in feed("resume-filter", "key-1").stdout
    rows = cell.store.page(head)
    assert [(row.name, row.actor) for row in rows] == [
        ("subscription-replayed", "operator"),
        ("subscription-replayed", "operator"),
        ("dead-letters-requeued", "operator"),
        ("filter-resumed", "operator"),
    ]
    assert {row.stream for row in rows} == {f"{rows[0].account}/"}
