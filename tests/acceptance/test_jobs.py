"""Jobs over HTTP, by command and on the page of runs: asked for, followed, cancelled."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from oms_ledger.accounts.roles import ROLES
from oms_ledger.cli import app
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.ops.verifying import VerifyArguments
from projections.ops.metrics import collect_metrics
from tests.acceptance.test_order_life import paid
from tests.cli.test_imports import lines_of_samples
from tests.support.purchases import ACCOUNT

JOBS, IMPORTS = "/api/ledger/jobs", "/api/ledger/imports"
MASTER_KEY = base64.b64encode(b"k" * 32).decode()


def worked(cell, job_id):
    while asyncio.run(runner.carry_on(cell, job_id)):
        pass


def test_orders_are_imported_by_a_job(cell, client):
    lines = lines_of_samples()[:3]
    content = "\n".join([*lines, "no json", ""]).encode()
    client = replace(client, conforming=False)
    requested = client.call("POST", IMPORTS, content)
    assert requested.status == 202, requested.body
    fields = requested.json()
    assert (fields["state"], fields["progress"]) == ("waiting", {"done": 0, "total": 4})
    assert fields["cancellable"]
    worked(cell, fields["id"])
    done = client.call("GET", f"{JOBS}/{fields['id']}").json()
    assert (done["state"], done["progress"]) == ("done", {"done": 4, "total": 4})
    assert (done["result"]["imported"], done["result"]["known"]) == (3, 0)
    assert [one["line"] for one in done["result"]["refused"]] == [4]
    again = client.call("POST", IMPORTS, content).json()["id"]
    worked(cell, again)
    assert client.call("GET", f"{JOBS}/{again}").json()["result"]["known"] == 3
    assert client.call("POST", IMPORTS, b"").status == 400


@pytest.mark.guarantee("G53")
def test_a_line_of_odd_numbers_is_refused_alone(cell, client):
    document = json.loads(lines_of_samples()[0])
    others = [json.loads(lines_of_samples()[1])]
    hostile = ("1e999999", "1e9999999999", "sNaN", "9" * 400, 1e300, "1e-999999", True)
    for odd in hostile:
        items = [{**document["items"][0], "unitMultiplier": odd}, *document["items"][1:]]
        others.insert(0, {**document, "items": items})
    client = replace(client, conforming=False)
    requested = client.call("POST", IMPORTS, "\n".join(map(json.dumps, others)).encode())
    worked(cell, requested.json()["id"])
    done = client.call("GET", f"{JOBS}/{requested.json()['id']}").json()
    assert (done["state"], done["result"]["imported"]) == ("done", 1), done["failure"]
    refused = [one["line"] for one in done["result"]["refused"]]
    assert refused == list(range(1, len(hostile) + 1))


@pytest.mark.guarantee("G56")
def test_an_erasure_in_the_background_names_nobody(cell, client):
    order_id = paid(client)
    person = {"kind": "email", "value": "somebody@example.com"}
    body = {"kind": "erasure", "arguments": {**person, "includeOpen": True}}
    requested = client.call("POST", JOBS, body)
    assert requested.status == 202, requested.body
    listed = client.call("GET", JOBS).json()["jobs"]
    assert [one["kind"] for one in listed] == ["erasure"]
    assert "somebody" not in json.dumps(listed)
    refused = client.call("POST", f"{JOBS}/{requested.json()['id']}/cancel")
    assert refused.status == 409
    worked(cell, requested.json()["id"])
    result = client.call("GET", f"{JOBS}/{requested.json()['id']}").json()["result"]
    assert order_id not in result["orders"], "it is of somebody else"


def test_an_erasure_that_is_waited_for_is_a_job_too(client):
    body = {"email": "somebody@example.com", "dryRun": False}
    assert client.call("POST", "/api/ledger/erasures", body).status == 200
    (job,) = client.call("GET", JOBS).json()["jobs"]
    assert (job["kind"], job["state"]) == ("erasure", "done")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "os.system"}, "kind: found"),
        ({"kind": "import"}, "kind: found"),
        ({"kind": "erasure"}, "found nothing"),
        ({"kind": "erasure", "arguments": {"kind": "name", "value": "x"}}, "kind"),
        ({"kind": "erasure", "arguments": {"kind": "email", "value": "x", "to": 1}}, "to"),
    ],
)
def test_only_known_kinds_with_checked_arguments_are_taken(client, body, said):
    answer = client.call("POST", JOBS, body)
    assert answer.status == 400, answer.body
    assert said in answer.json()["error"]["message"]


def test_a_replay_is_followed_by_a_job(cell, client):
    paid(client)
    config = {
        "filter": {"type": "FromWorkflow", "status": ["payment-approved"]},
        "queue": {"visibilityTimeoutInSeconds": 240, "messageRetentionPeriodInSeconds": 345600},
    }
    assert client.call("POST", "/api/orders/feed/config", config).status == 200
    answer = client.call("POST", "/api/ledger/feed/replay", {"since": 0}).json()
    worked(cell, answer["job"])
    job = client.call("GET", f"{JOBS}/{answer['job']}").json()
    assert job["kind"] == "replay"
    assert job["arguments"]["since"] == answer["since"] == 0
    assert job["arguments"]["until"] == answer["until"]


def test_a_key_sees_the_kinds_that_it_may_ask_for(cell, client, monkeypatch):
    body = {"email": "somebody@example.com", "dryRun": False}
    assert client.call("POST", "/api/ledger/erasures", body).status == 200
    (job,) = client.call("GET", JOBS).json()["jobs"]
    monkeypatch.setitem(ROLES, "Owner", ROLES["Owner"] - {"Orders Full Access"})
    assert client.call("GET", JOBS).json()["jobs"] == []
    assert client.call("GET", f"{JOBS}/{job['id']}").status == 403
    assert client.call("POST", JOBS, {"kind": "verify"}).status == 403
    assert client.call("GET", f"{JOBS}/{'0' * 32}").status == 404


def test_jobs_are_listed_shown_and_cancelled_by_command(cell, client, monkeypatch):
    monkeypatch.setenv("OMS_DATABASE_URL", cell.settings.database_url)
    monkeypatch.setenv("OMS_DATA_DIR", str(cell.settings.data_dir))
    monkeypatch.setenv("OMS_MASTER_KEY", MASTER_KEY)

    def command(*words):
        return CliRunner().invoke(app, ["jobs", *words], catch_exceptions=False)

    ctx = CommandContext(ACCOUNT, "test")
    job_id = asyncio.run(runner.ask(cell, ctx, KINDS["verify"], VerifyArguments()))
    (listed,) = json.loads(command("list", "--json").stdout)
    assert (listed["id"], listed["account"], listed["state"]) == (job_id, ACCOUNT, "waiting")
    assert job_id in command("list").stdout
    assert "cancelled" in command("cancel", job_id).stdout
    assert json.loads(command("show", job_id, "--json").stdout)["state"] == "cancelled"


def test_exports_and_runs_are_listed_and_cancelled_as_jobs(client):
    """Each says in its own words that it is over."""
    exports, runs = "/api/ledger/exports", "/api/ledger/runs"
    export = client.call("POST", exports, {"format": "csv", "q": "ana@example.com"}).json()["id"]
    requested = {"command": "cancel", "orders": [paid(client)]}
    run = client.call("POST", runs, requested).json()["id"]
    listed = client.call("GET", JOBS)
    assert {one["id"]: one["kind"] for one in listed.json()["jobs"]} == {
        export: "export",
        run: "bulk-run",
    }
    assert b"ana@" not in listed.body
    for one in (export, run):
        answer = client.call("POST", f"{JOBS}/{one}/cancel")
        assert (answer.status, answer.json()["state"]) == (200, "cancelled")
    assert client.call("GET", f"{exports}/{export}").json()["state"] == "cancelled"
    assert client.call("GET", f"{runs}/{run}").json()["state"] == "stopped"
    assert client.call("GET", f"{exports}/{export}/download").status == 409


def test_figures_of_jobs(cell, client):
    ctx = CommandContext(ACCOUNT, "test")
    asyncio.run(runner.ask(cell, ctx, KINDS["verify"], VerifyArguments()))
    with cell.database.snapshot() as connection:
        figures = collect_metrics(connection, 1, cell.clock.micros())
    (found,) = (one for one in figures if one.name == "oms_jobs")
    assert found.values == {("verify", "waiting"): 1}
