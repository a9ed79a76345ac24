"""Every hostile expression, by every operation that takes one, in a process of 512 MB."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import prepared_database
from tests.support.bounded_child import OPERATIONS
from tests.support.hostile_expressions import EVERY


@pytest.mark.guarantee("G64")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_hostile_expressions_cost_an_operation_little(operation, tmp_path):
    """Each is answered within 2 CPU seconds, and all of them by a process of 512 MB."""
    with prepared_database("sqlite", tmp_path) as url:
        command = [sys.executable, "-m", "tests.support.bounded_child", url, str(tmp_path)]
        child = subprocess.run(
            [*command, operation],
            env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            capture_output=True,
            text=True,
            check=False,
        )
    answered = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("[")]
    assert [name for name, _ in answered] == list(EVERY), child.stderr[-2000:]
    assert child.returncode == 0, child.stderr[-2000:]
    assert all(status in (200, 400) for _, status in answered), answered


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("[" * 100_000, "nested deeper"),
        ('{"a": NaN}', "no JSON number"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": "\\ud800"}', "no character"),
        ("\\" * 100_000 + '"', "no JSON"),
        ("\x00", "NUL"),
    ],
)
def test_a_document_text_is_read_as_a_body_is(client, document, reason):
    body = {"Expression": "a", "Document": document}
    answer = client.call("POST", "/api/orders/expressions/jsonata", body)
    assert answer.status == 400
    message = answer.json()["error"]["message"]
    assert message.startswith("Document: ")
    assert reason in message


@pytest.mark.guarantee("G2")
@pytest.mark.parametrize(
    "status",
    ["\u2028", "a\r\nSet-Cookie: x", "a\x00", "x" * 101],
    ids=["line", "crlf", "nul", "long"],
)
def test_a_status_that_no_header_holds_is_refused_and_not_kept(client, status):
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
    for statuses in ([status], ["handling"] * 101):
        body = {"filter": {"type": "FromWorkflow", "status": statuses}, "queue": queue}
        assert client.call("POST", "/api/orders/feed/config", body).status == 400
        assert client.call("GET", "/api/orders/feed/config").status == 404


def test_a_foreign_status_is_named_in_the_warning(client):
    queue = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}
    statuses = ["発送済み", 'ein "Zustand"', *(f"s{n}" for n in range(90))]
    body = {"filter": {"type": "FromWorkflow", "status": statuses}, "queue": queue}
    answer = client.call("POST", "/api/orders/feed/config", body)
    assert answer.status == 200
    assert answer.json()["filter"]["status"] == statuses
    warning = answer.header("warning")
    assert warning.isascii()
    assert len(warning) < 2000
