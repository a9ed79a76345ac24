"""The primary goes while orders come in, and its synchronous standby takes over."""

import contextlib
import json
from pathlib import Path

import pytest

from tests.soak.deployment import deployed, receiving, until
from tests.soak.followers import following, writing
from tests.support.replication import replicated

ORDERS = 24


@pytest.mark.guarantee("G1", "G46")
def test_the_primary_is_killed_under_load_and_nothing_is_lost_doubled_or_ended(
    redis_url: str, tmp_path: Path
) -> None:
    with (
        replicated() as pair,
        receiving() as receiver,
        deployed(tmp_path / "cell", pair.url, redis_url) as deployment,
        following(deployment, receiver) as followers,
    ):
        until("the standby is synchronous", pair.replicates)
        processes = dict(deployment.processes)
        with writing(deployment, ORDERS) as writer:
            writer.client.patient = True
            writer.wait_for_answers(40)
            received = len(receiver.received)
            pair.kill(pair.primary)
            writer.wait_for_silence()
            pair.promote()
            writer.wait_for_answers(40)
            until("a hook is notified", lambda: len(receiver.received) > received)
        until("every follower is at the head", deployment.settled)
        for client in (followers.workflow, followers.every, followers.first):
            client.patient = True
        followers.require_everything_once(deployment, writer)
        assert {name for name, one in processes.items() if one.poll() is not None} == set()
        checked = deployment.run("verify", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert json.loads(checked.stdout)["ok"] is True
        with contextlib.closing(deployment.new_client()) as client:
            assert client.ask("GET", "/readyz")[0].json()["reasons"] == []
