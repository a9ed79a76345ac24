"""G1, G4, G40, G43, G46: what is killed, emptied or refused while orders come in costs nothing."""

import contextlib
import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest
import redis

from tests.soak.deployment import (
    ALL_IN_ONE,
    EVERY_STATUS,
    deployed,
    failed_attempts,
    moves,
    receiving,
    require_a_sound_ledger,
    require_notifications,
    require_whole_histories,
    until,
)
from tests.soak.followers import following, writing
from workers.runtime.embedded_redis import embedded_redis

ORDERS = 30


@pytest.mark.guarantee("G1", "G46")
def test_kill_of_each_process_under_load_loses_and_doubles_nothing(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with (
        receiving() as receiver,
        deployed(tmp_path / "cell", database_url, redis_url) as deployment,
        following(deployment, receiver) as followers,
    ):
        with writing(deployment, ORDERS) as writer:
            for name in ("worker", "projector", "scheduler", "worker"):
                writer.wait_for_answers(6)
                until(f"the {name} is at work", partial(deployment.at_work, name))
                deployment.kill(name)
                writer.wait_for_answers(6)
                deployment.start(name)
            writer.wait_for_answers(12)
            deployment.kill("web")
            writer.wait_for_silence()
            deployment.start("web")
            writer.wait_for_answers(12)
        until("every follower is at the head", deployment.settled)
        followers.require_everything_once(deployment, writer)
        checked = deployment.run("verify", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert json.loads(checked.stdout)["ok"] is True


@pytest.mark.guarantee("G1", "G46")
def test_one_process_that_is_killed_under_load_loses_and_doubles_nothing(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with (
        receiving() as receiver,
        deployed(tmp_path / "cell", database_url, redis_url, [ALL_IN_ONE]) as deployment,
        following(deployment, receiver) as followers,
    ):
        with writing(deployment, ORDERS) as writer:
            for _ in range(2):
                writer.wait_for_answers(12)
                deployment.kill(ALL_IN_ONE)
                writer.wait_for_silence()
                deployment.start(ALL_IN_ONE)
            writer.wait_for_answers(12)
        until("every follower is at the head", deployment.settled)
        followers.require_everything_once(deployment, writer)
        deployment.processes[ALL_IN_ONE].terminate()
        assert deployment.processes[ALL_IN_ONE].wait() == 0
        assert "part_failed" not in deployment.logs()


@pytest.mark.guarantee("G46")
def test_flushall_under_load_and_a_killed_redis_lose_and_double_nothing(
    database_url: str, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        redis_url = stack.enter_context(embedded_redis(tmp_path / "r"))
        client = stack.enter_context(contextlib.closing(redis.Redis.from_url(redis_url)))
        receiver = stack.enter_context(receiving())
        deployment = stack.enter_context(deployed(tmp_path / "cell", database_url, redis_url))
        followers = stack.enter_context(following(deployment, receiver))
        with writing(deployment, ORDERS) as writer:
            for _ in range(10):
                writer.wait_for_answers(6)
                client.flushall()
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
            writer.wait_for_answers(20)
            assert stack.enter_context(embedded_redis(tmp_path / "r")) == redis_url
            writer.wait_for_answers(12)
        until("every follower is at the head", deployment.settled)
        followers.require_everything_once(deployment, writer)


@pytest.mark.guarantee("G43")
def test_a_failing_receiver_gets_every_notification_in_order_of_each_order(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    outage = 30  # more failures in a row than open the circuit
    calls = 0

    def refuses(_: str, attempt: int) -> bool:
        """Everything at first, then the first attempt of each notification."""
        nonlocal calls
        calls += 1
        return calls <= outage or attempt == 1

    with (
        receiving(refuses) as receiver,
        deployed(tmp_path / "cell", database_url, redis_url) as deployment,
        contextlib.closing(deployment.new_client()) as client,
    ):
        client.configure_hook(EVERY_STATUS, receiver.url)
        with writing(deployment, 6) as writer:
            pass

        def fields() -> bool:
            if deployment.settled():
                return True
            deployment.hasten(client.app_key)
            return False

        until("every notice is accepted", fields)
        require_whole_histories(deployment, writer)
        expected = moves(deployment)
        require_notifications(client, receiver, expected)
        assert failed_attempts(deployment) >= len(expected)
        require_a_sound_ledger(deployment, writer.head)
