import importlib
import os
import signal
import socket
import stat
import threading

import pytest
import redis

from workers.runtime import embedded_redis
from workers.runtime.supervisor import Supervisor


def requested(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, protocol=3)


def test_it_answers_and_stops_with_the_block(tmp_path):
    with embedded_redis.embedded_redis(tmp_path) as url, requested(url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
        path = embedded_redis.address(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        server = client.info("server")["process_id"]
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_it_keeps_nothing(tmp_path):
    with embedded_redis.embedded_redis(tmp_path) as url, requested(url) as client:
        client.set("key", "value")
    assert [file.name for file in (tmp_path / "redis").iterdir() if file.is_file()] == [
        "server.log"
    ]
    with embedded_redis.embedded_redis(tmp_path) as url, requested(url) as client:
        assert client.get("key") is None


def test_a_socket_is_never_too_long_and_always_the_same(tmp_path):
    deep = tmp_path / ("deep " * 30)
    assert embedded_redis.address(deep) == embedded_redis.address(deep)
    assert embedded_redis.address(deep) != embedded_redis.address(tmp_path)
    with embedded_redis.embedded_redis(deep) as url, requested(url) as client:
        assert client.ping()
        assert (deep / "redis").is_dir()


def test_a_folder_with_a_space_and_a_percent_sign(tmp_path):
    with embedded_redis.embedded_redis(tmp_path / "my 100% data?") as url, requested(url) as client:
        assert client.ping()


def test_it_listens_on_a_port_of_the_loopback_interface(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with embedded_redis.embedded_redis(tmp_path, port) as url, requested(url) as client:
        assert url == f"redis://127.0.0.1:{port}/0"
        assert client.ping()


def test_a_server_that_does_not_start_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(embedded_redis.NoRedisServer, match=r"ended with 1\. Its log is"),
            embedded_redis.embedded_redis(tmp_path, port),
        ):
            pass


def test_without_any_server_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(embedded_redis.NoRedisServer, match="REDIS_URL"):
        embedded_redis.command(tmp_path)


def test_the_supervisor_brings_it_back_after_a_kill(tmp_path):
    url = embedded_redis.url(embedded_redis.address(tmp_path))
    with (tmp_path / "output").open("w") as output:
        supervisor = Supervisor({"redis": embedded_redis.command(tmp_path)}, output=output)
        running = threading.Thread(target=supervisor.run)
        running.start()
        try:
            embedded_redis.wait_until_it_answers(url)
            with requested(url) as client:
                first = client.info("server")["process_id"]
            os.kill(first, signal.SIGKILL)
            embedded_redis.wait_until_it_answers(url)
            with requested(url) as client:
                assert client.info("server")["process_id"] != first
        finally:
            supervisor.stop()
            running.join()
