"""Redis cannot name code: what is no signal is dropped, and the worker goes on (contract C3)."""

import pickle
import socket
import zlib
from collections.abc import Callable

import orjson
import pytest
import redis
from rq import Callback, Queue, Retry
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from oms_ledger.services import signals
from workers.runtime.signal_jobs import SignalWorker, signal_of


@pytest.fixture
def connection(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client
        client.flushall()


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def _json(connection) -> Queue:
    return Queue(signals.QUEUE, connection=connection, serializer=JSONSerializer)


def _functions(connection, path: str, listener: str) -> None:
    for name in ("os.system", "workers.jobs.advance", "builtins.exec", "advance.__call__"):
        _json(connection).enqueue(name, f"touch {path}")
    _json(connection).enqueue(signals.ADVANCE, f"touch {path}")


def _pickles(connection, path: str, listener: str) -> None:
    Queue(signals.QUEUE, connection=connection).enqueue("os.system", f"touch {path}")
    job = _json(connection).enqueue(signals.ADVANCE, "outbox:x", meta={"a": 1})
    bomb = pickle.dumps(Bomb(path))
    for field in ("meta", "result", "data"):
        connection.hset(job.key, field, bomb)


def _callbacks(connection, path: str, listener: str) -> None:
    call = Callback("os.system")
    queue = _json(connection)
    job = queue.enqueue("no.such", path, on_success=call, on_failure=call, on_stopped=call)
    queue.enqueue("os.system", f"touch {path}", depends_on=job)
    queue.enqueue("no.such", retry=Retry(max=3))


def _webhooks(connection, path: str, listener: str) -> None:
    for status in ("finished", "failed"):
        job = _json(connection).enqueue("no.such", path)
        hook = {"url": listener, "job_status": status, "method": "GET", "timeout": 5}
        connection.hset(job.key, "webhooks", orjson.dumps([{**hook, "headers": None}]))
        assert Webhook.from_dict({**hook, "headers": None})


def _garbage(connection, path: str, listener: str) -> None:
    queue = f"rq:queue:{signals.QUEUE}"
    for data in (b"", b"x", zlib.compress(b"[" * 4000), zlib.compress(b" " * 10**7)):
        job = _json(connection).enqueue("no.such")
        connection.hset(job.key, mapping={"data": data, "timeout": "soon", "status": "?"})
    connection.set("rq:job:text", "no hash")
    connection.rpush(queue, "nobody", "text", "a b/../c", b"\xff\xfe", "")


def _maintenance(connection, path: str, listener: str) -> None:
    connection.set("rq:suspended", 1)
    job = _json(connection).enqueue("no.such")
    bomb = zlib.compress(pickle.dumps(Bomb(path)))
    connection.hset(job.key, mapping={"data": bomb, "status": "started", "rate_limit_key": "k"})
    connection.zadd(f"rq:wip:{signals.QUEUE}", {f"{job.id}:e": 1})
    connection.sadd("rq:rate_limits", "k")


ATTACKS: dict[str, Callable[..., None]] = {
    "functions": _functions,
    "pickles": _pickles,
    "callbacks": _callbacks,
    "webhooks": _webhooks,
    "garbage": _garbage,
    "maintenance": _maintenance,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_signal_is_dropped_and_the_worker_goes_on(connection, tmp_path, attack):
    advanced: list[str] = []
    worker = SignalWorker(connection, [signals.QUEUE, signals.SLOW], advanced.append)
    touched = tmp_path / "touched"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        ATTACKS[attack](connection, str(touched), address)
        assert signals.signal(connection, ["hook:vtexappkey-acme-AB12CD", "account:acme"]) == 2
        worker.work(burst=True, logging_level="CRITICAL")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert advanced == ["hook:vtexappkey-acme-AB12CD", "account:acme"]
    assert not touched.exists()
    assert connection.llen(f"rq:queue:{signals.QUEUE}") == 0


def test_a_signal_that_fails_is_logged_and_the_next_one_runs(connection):
    advanced: list[str] = []

    def advance(name: str) -> None:
        advanced.append(name)
        raise ValueError(name)

    assert signals.signal(connection, ["hook:a", "hook:b"]) == 2
    SignalWorker(connection, [signals.QUEUE], advance).work(burst=True, logging_level="CRITICAL")
    assert advanced == ["hook:a", "hook:b"]
    assert not connection.keys("rq:job:*")


def test_a_worker_listens_to_no_commands(connection):
    seen: list[object] = []
    worker = SignalWorker(
        connection,
        [signals.QUEUE],
        lambda name: seen.append(
            connection.pubsub_numsub(PUBSUB_CHANNEL_TEMPLATE % worker.name)[0][1]
        ),
    )
    signals.signal(connection, ["hook:a"])
    worker.work(burst=True, logging_level="CRITICAL")
    assert seen == [0]


@pytest.mark.parametrize(
    "job",
    [
        ["advance", None, ["hook:a"], {"x": 1}],
        ["advance", "instance", ["hook:a"], {}],
        ["advance", None, ["hook:a", "hook:b"], {}],
        ["advance", None, [1], {}],
        ["advance", None, [], {}],
        ["advance", None, ["hook:a\nb"], {}],
        ["advance", None, ["hook:" + "a" * 200], {}],
        ["Advance", None, ["hook:a"], {}],
        ["advance", None, ["hook:a"]],
        {"advance": ["hook:a"]},
    ],
)
def test_only_the_one_form_of_a_job_is_a_signal(job):
    assert signal_of(zlib.compress(orjson.dumps(job))) is None
    assert signal_of(zlib.compress(orjson.dumps(["advance", None, ["hook:a"], {}]))) == "hook:a"


def test_a_worker_does_not_write_of_itself_at_each_signal(connection):
    assert signals.signal(connection, [f"hook:k{number}" for number in range(50)]) == 50
    worker = SignalWorker(connection, [signals.QUEUE, signals.SLOW], lambda name: None)
    connection.config_resetstat()
    worker.work(burst=True, logging_level="CRITICAL")
    commands = connection.info("commandstats")
    assert commands["cmdstat_hgetall"]["calls"] == 50
    written = [
        commands.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("hset", "expire")
    ]
    assert sum(written) < 50
