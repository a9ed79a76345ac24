"""The commands that run: `up` starts everything, the others one process each."""

import asyncio
import fcntl
import importlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, TextIO

import structlog
import typer
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from oms_ledger import logs
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.operators import address_of
from oms_ledger.migrations import migrate as migrate_tables
from oms_ledger.services import gc_tuning
from oms_ledger.services.accounts.importing import import_configuration
from oms_ledger.services.metrics import MetricsReporter
from oms_ledger.services.operators.invitations import first_link
from oms_ledger.settings import Settings
from workers import scheduler
from workers.projector import ensure_subscriptions, project
from workers.runtime import embedded_redis, supervisor
from workers.runtime.stopping import Stop
from workers.worker import work

log = structlog.get_logger(__name__)


def install(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(serve)
    app.command(name="project")(project_)
    app.command(name="work")(work_)
    app.command(name="scheduler")(scheduler_)
    app.command()(migrate)


def prepare(cell: Cell) -> None:
    """Tables and the subscriptions of the views, before any process starts."""
    migrate_tables(cell.database)
    asyncio.run(import_configuration(cell))
    ensure_subscriptions(cell.database)


def _opened() -> Cell:
    cell = open_cell()
    logs.configure(cell.settings)
    cell.require_tables()
    cell.require_key()
    return cell


OneProcess = Annotated[
    bool,
    typer.Option(
        "--one-process",
        help="Run web, projector, worker and scheduler in one process: half the memory.",
    ),
]


def up(one_process: OneProcess = False) -> None:
    """Set up what is missing and run the whole system: web, projector, worker, scheduler.

    On the embedded default everything lives in OMS_DATA_DIR; Ctrl-C stops it within 5 s, and
    the next `up` continues where it was.
    """
    settings = Settings.from_environment()
    logs.configure(settings)
    if one_process:
        _require_one(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _warn_of_readers(settings.data_dir)
    lock = _only_one(settings.data_dir)
    cell = Cell(settings)
    prepare(cell)
    cell.require_key()
    link = first_link(cell, "demo" if settings.demo else None)
    cell.close()
    program = [sys.executable, "-P", "-m", "oms_ledger"]
    environ = dict(os.environ)
    commands: dict[str, list[str]] = {}
    if settings.redis_url is None:
        commands["redis"] = embedded_redis.command(settings.data_dir)
        environ["REDIS_URL"] = embedded_redis.url(embedded_redis.address(settings.data_dir))
    if one_process:
        commands["web"] = [*program, "serve", "--one-process"]
    else:
        commands["web"] = [*program, "serve"]
        commands["projector"] = [*program, "project"]
        for number in range(settings.worker_processes):
            commands[f"worker{number + 1}"] = [*program, "work"]
        commands["scheduler"] = [*program, "scheduler"]
    if settings.demo:
        shown = ["--show-key"] if sys.stdout.isatty() else []
        commands["receiver"] = [*program, "demo", "receiver", *shown]
    typer.echo(f"oms-ledger starts at http://{settings.host}:{settings.port} (Ctrl-C stops it)")
    if link:
        typer.echo(f"Back office: {address_of(settings)}/admin/-/first#{link}")
    _supervise(commands, environ, lock)


def _require_one(settings: Settings) -> None:
    """Refuse settings that need several processes."""
    if settings.seal_key_file is not None:
        sys.exit(
            "oms-ledger: OMS_SEAL_KEY_FILE is for a scheduler of its own, not for the process that"
            " serves: leave --one-process."
        )
    if max(settings.web_processes, settings.worker_processes) > 1:
        sys.exit("oms-ledger: leave --one-process, or OMS_WEB_PROCESSES and OMS_WORKER_PROCESSES.")


def _supervise(commands: Mapping[str, list[str]], environ: dict[str, str], lock: TextIO) -> None:
    """Become the supervisor: an interpreter that has loaded nothing else, and the lock with it."""
    os.set_inheritable(lock.fileno(), True)
    sys.stdout.flush()
    options = {"commands": commands, "last": ["redis"], "withheld": _withheld(commands)}
    program = [sys.executable, "-P", "-m", supervisor.__name__, json.dumps(options)]
    os.execve(sys.executable, program, environ)  # noqa: S606 - this very interpreter


def _withheld(commands: Iterable[str]) -> dict[str, list[str]]:
    """By command the beginnings of names of variables that it does not get.

    The key that signs anchors is the scheduler's alone; a program that is not ours learns no
    secret of the deployment.
    """
    withheld = {name: ["OMS_SEAL_KEY_FILE"] for name in commands if name != "scheduler"}
    return {**withheld, "redis": ["OMS_", "REDIS_URL", "PG"]}


def _warn_of_readers(data_dir: Path) -> None:
    """Say so where others on this machine can read what the deployment keeps."""
    if stat.S_IMODE(data_dir.stat().st_mode) & 0o077:
        log.warning("data_folder_open_to_others", folder=str(data_dir), advice="chmod 700")


def _only_one(data_dir: Path) -> TextIO:
    lock = (data_dir / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        sys.exit(f"oms-ledger: already running on {data_dir}: stop it, or set OMS_DATA_DIR.")
    return lock


CONNECTIONS = 4096
"""Connections that a web process keeps open; those beyond wait to be accepted."""


def serve(one_process: OneProcess = False) -> None:
    """Run the web process: the API."""
    cell = _opened()
    settings = cell.settings
    cell.close()
    if one_process:
        _require_one(settings)
    application = "oms_ledger.cli.one_process" if one_process else "oms_ledger.web"
    # Loaded once, before the server forks: its processes share the pages.
    importlib.import_module(application)
    gc_tuning.settle()
    Granian(
        f"{application}:create",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.web_processes,
        backlog=CONNECTIONS,
        # A connection counts, whether it asks anything or not: few could shut everybody out.
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=128 * 1024),
        log_level=LogLevels.warning,
        workers_kill_timeout=3,
        respawn_failed_workers=True,
    ).serve()


def project_() -> None:
    """Run the projector: it keeps the views and signals feeds and hooks."""
    cell = _opened()
    ensure_subscriptions(cell.database)
    MetricsReporter(cell.database, "projector")
    gc_tuning.settle()
    project(cell, Stop().on_signals())


def work_() -> None:
    """Run a worker: it evaluates filters and delivers. Any number of them may run."""
    cell = _opened()
    MetricsReporter(cell.database, "worker")
    gc_tuning.settle()
    work(cell, Stop().on_signals())


def scheduler_() -> None:
    """Run the scheduler: timers, the reconciliation of what is behind, retention."""
    cell = _opened()
    MetricsReporter(cell.database, "scheduler")
    gc_tuning.settle()
    asyncio.run(scheduler.run_scheduler(cell, Stop().on_signals()))


def migrate(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing.")] = False,
) -> None:
    """Create the tables, or bring them to this release."""
    cell = open_cell()
    prepare(cell)
    if not quiet:
        typer.echo("The database has the tables of this release.")
