"""The standby goes: what waits for it is no success, whatever ends the waiting."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest
import requests

from tests.soak.deployment import Client, Deployment, until
from tests.support.replication import Pair, replicated

WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%append_events%'"
)
PLACE = "/api/checkout/pub/orders"
BODY = json.loads(
    files("oms_ledger.samples").joinpath("orders.jsonl").read_text("utf-8").split("\n")[0]
)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with replicated() as pair:
        yield pair


@pytest.fixture
def web(pair: Pair, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """A web process alone: nobody else waits for the standby."""
    folder = tmp_path / "cell"
    folder.mkdir()
    deployment = Deployment(folder, pair.url, redis_url)
    try:
        deployment.environ["OMS_REQUEST_DEADLINE"] = "120"
        deployment.start("web")
        deployment.wait_for_web()
        yield deployment
    except BaseException as error:
        error.add_note(deployment.logs())
        raise
    finally:
        deployment.close()


def place(client: Client, key: str) -> requests.Response:
    headers = {
        "X-VTEX-API-AppKey": client.app_key,
        "X-VTEX-API-AppToken": client.token,
        "Idempotency-Key": key,
    }
    return requests.put(f"{client.base}{PLACE}", json=BODY, headers=headers, timeout=150)


def ready(deployment: Deployment) -> requests.Response:
    return requests.get(f"{deployment.base}/readyz", timeout=30)


@pytest.mark.guarantee("G1")
def test_a_canceled_wait_for_the_standby_is_no_success(pair: Pair, web: Deployment) -> None:
    client = web.new_client()
    assert place(client, "before").status_code == 201
    until("the standby is synchronous", pair.replicates)
    pair.kill(pair.standby)
    with ThreadPoolExecutor(1) as threads:
        placing: Future[requests.Response] = threads.submit(place, client, "order")
        until("the append waits for the standby", lambda: pair.execute(pair.primary, WAITING))
        until("the web process is not ready", lambda: ready(web).status_code == 503)
        assert not placing.done()
        (pid,) = pair.execute(pair.primary, WAITING)[0]
        pair.execute(pair.primary, f"SELECT pg_cancel_backend({pid})")
        answer = placing.result()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "OMS503")
    pair.require_standby(False)
    again = place(client, "order")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    until("the web process is ready", lambda: ready(web).ok)
    assert web.positions() == list(range(1, 1 + len(web.positions())))


@pytest.mark.guarantee("G1")
def test_a_read_only_server_is_not_ready_and_takes_nothing(pair: Pair, web: Deployment) -> None:
    client = web.new_client()
    pair.execute(pair.primary, "ALTER SYSTEM SET default_transaction_read_only = on")
    pair.execute(pair.primary, "SELECT pg_reload_conf()")
    until("the web process is not ready", lambda: ready(web).status_code == 503)
    refused = place(client, "order")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "OMS503")
    pair.execute(pair.primary, "ALTER SYSTEM RESET default_transaction_read_only")
    pair.execute(pair.primary, "SELECT pg_reload_conf()")
    until("the web process is ready", lambda: ready(web).ok)
    assert place(client, "order").status_code == 201
