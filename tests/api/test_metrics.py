"""/metrics says of every process and follower, and the dashboard and alerts ask only for that."""

import asyncio
import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from oms_ledger.api.ops.health import listen_for_scrapes
from oms_ledger.cell import Cell
from oms_ledger.services import metrics
from oms_ledger.services.state import state_of
from oms_ledger.web import build
from projections.notifications.feeds import Feed
from projections.notifications.hooks import Hook
from projections.outbox.messages import DEAD
from projections.outbox.tables import outbox_messages
from projections.tables import filter_stats, process_metrics
from tests.support import hook_deliveries
from tests.support.client import Client
from tests.support.configuring import configure_feed, configure_hook
from tests.support.purchases import ACCOUNT, open_account, place_paid

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
OPERATIONS = ROOT / "docs" / "how-to" / "operations.md"
EVERY = {"type": "FromWorkflow", "status": []}
MINUTE = 60_000_000


@pytest.fixture
def busy(cell, redis_url):
    """A cell with a feed and a hook that are behind, and what else there is to be measured."""
    cell.__dict__["redis"] = redis.Redis.from_url(redis_url)
    now = cell.clock.micros()

    async def story():
        await open_account(cell.ledger)
        configure_feed(cell, Feed("key-1", ACCOUNT, EVERY, 60, 345_600), 1)
        configure_hook(cell, Hook("key-1", ACCOUNT, EVERY, "https://example.com/", {}), 1)
        with cell.database.writing() as connection:
            hook_deliveries.enqueue(connection, ACCOUNT, "key-1", [1, 2], now - 5 * MINUTE)
            second = outbox_messages.c.position == 2
            hook_deliveries.change(connection, second, state=DEAD)
            evaluated = {
                "subscription": "feed:key-1",
                "evaluated": 7,
                "matched": 3,
                "failed": 2,
                "micros": 9,
            }
            connection.execute(insert(filter_stats).values(evaluated))
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    return cell


TOKEN = "a-token-of-scrapers"


@pytest.mark.guarantee("G66")
@pytest.mark.parametrize(
    ("token", "given"),
    [
        (None, None),
        (None, f"Bearer {TOKEN}"),
        (TOKEN, None),
        (TOKEN, TOKEN),
        (TOKEN, f"Bearer {TOKEN}x"),
        (TOKEN, "Bearer "),
        (TOKEN, f"Basic {TOKEN}"),
    ],
)
def test_without_the_token_there_are_no_metrics(cell, token, given):
    opened = Cell(replace(cell.settings, metrics_token=token), cell.clock)
    headers = {"Authorization": given} if given else {}
    answer = Client(build(opened), headers).call("GET", "/metrics")
    nowhere = Client(build(opened), headers).call("GET", "/metricz")
    opened.close()
    assert answer.status == nowhere.status == 404
    assert answer.body.replace(b"/metrics", b"/metricz") == nowhere.body


def test_the_metrics_have_a_port_of_their_own(cell):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    opened = Cell(replace(cell.settings, metrics_port=port), cell.clock)
    server = listen_for_scrapes(opened)
    assert server is not None
    assert listen_for_scrapes(opened) is None  # another web process
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert b"oms_ledger_head" in answer.read()
    server.shutdown()
    server.server_close()
    opened.close()


def scraped(cell):
    cell.__dict__["settings"] = replace(cell.settings, metrics_token=TOKEN)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    answer = Client(build(cell), bearer).call("GET", "/metrics")
    assert answer.status == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


@pytest.mark.guarantee("G61")
def test_a_subscription_says_how_far_it_is_behind_in_entries_and_in_seconds(busy):
    found = scraped(busy)
    behind = busy.store.head() - 1
    for subscription in ("feed:key-1", "hook:key-1"):
        assert found["oms_subscription_lag", ("subscription", subscription)] == behind
        assert found["oms_subscription_lag_seconds", ("subscription", subscription)] > 0
    assert found["oms_ledger_head",] == busy.store.head()
    assert ("oms_subscription_lag", ("subscription", "delivery:key-1")) not in found
    assert found["oms_deliveries_pending", ("app_key", "key-1")] == 1
    assert found["oms_deliveries_oldest_seconds", ("app_key", "key-1")] >= 300
    assert found["oms_dead_letters", ("subscription", "hook:key-1")] == 1
    assert found["oms_filter_failed_total", ("subscription", "feed:key-1")] == 2
    assert found["oms_feed_items", ("app_key", "key-1")] == 0


def test_every_process_is_read_under_its_own_name_until_it_is_gone(busy):
    """Those without a port report through the database; the dead are not counted on."""
    samples = [["oms_webhook_attempts_total", {"outcome": "accepted"}, 5.0]]
    body = json.dumps([["oms_webhook_attempts", "Pushes", "counter", samples]])
    with busy.database.writing() as connection:
        for process, age in (("other:1", 0), ("other:2", 1), ("dead:3", 2 * MINUTE)):
            row = {
                "process": process,
                "kind": "worker",
                "body": body,
                "at": busy.clock.micros() - age,
            }
            connection.execute(insert(process_metrics).values(row))
        metrics.report(connection, "reported:4", "scheduler", busy.clock.micros())
    found = scraped(busy)
    fields = {
        dict(labels)["process"]: value
        for (name, *labels), value in found.items()
        if name == "oms_webhook_attempts_total" and ("outcome", "accepted") in labels
    }
    assert fields["other:1"] == fields["other:2"] == 5
    assert "dead:3" not in fields
    memory = {dict(k[1:])["kind"] for k in found if k[0] == "process_resident_memory_bytes"}
    assert memory == {"scheduler", "web"}
    seen = {dict(k[1:])["process"] for k in found if k[0] == "oms_process_seen_seconds"}
    assert seen == {"other:1", "other:2", "reported:4"}


def test_status_shows_the_same_figures(busy):
    found = scraped(busy)
    for metric in state_of(busy)["figures"]:
        key = (metric["name"], *sorted(metric["labels"].items()))
        if "seconds" not in metric["name"]:
            assert found[key] == metric["value"], metric


def metrics_in(expression):
    return set(re.findall(r"\b(?:oms|process)_\w+", expression))


def test_the_dashboard_and_the_alerts_name_only_metrics_that_there_are(busy):
    metrics.PUSHES.labels("accepted").inc(0)
    metrics.FIRED.labels("placement").inc(0)
    Client(build(busy)).call("GET", "/healthz")
    with busy.database.writing() as connection:
        metrics.report(connection, "reported:1", "worker", busy.clock.micros())
    there = {name for name, *_ in scraped(busy)}
    there |= {"oms_outbox_messages", "oms_outbox_circuit_open"}  # nothing waits here
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    expressions = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    alerts = (MONITORING / "alerts.yml").read_text()
    rules = re.findall(r"^        expr: (.+)$", alerts, re.M)
    assert len(rules) == alerts.count("- alert:") > 10
    for expression in (*expressions, *rules):
        assert metrics_in(expression), expression
        assert metrics_in(expression) <= there, expression


def test_operations_explains_every_metric_of_ours(busy):
    fields = OPERATIONS.read_text()
    ours = {name for name, *_ in scraped(busy) if name.startswith("oms_")}
    plain = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in ours}
    assert {name for name in plain if name not in fields} == set()
