"""`oms-ledger up` sets up what is missing and runs everything; `migrate` does the first half."""

import asyncio
import fcntl
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, TextIO

import structlog
import typer

from oms_ledger import logs
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.one_process_option import OneProcess, require_one_process
from oms_ledger.cli.operators import address_of
from oms_ledger.migrations import migrate as migrate_tables
from oms_ledger.services.accounts.importing import import_configuration
from oms_ledger.services.operators.invitations import first_link
from oms_ledger.settings import Settings
from workers.projector import ensure_subscriptions
from workers.runtime import embedded_redis, supervisor

log = structlog.get_logger(__name__)


def install(app: typer.Typer) -> None:
    """Add the commands `up` and `migrate`."""
    app.command()(up)
    app.command()(migrate)


def prepare(cell: Cell) -> None:
    """Tables and the subscriptions of the views, before any process starts."""
    migrate_tables(cell.database)
    asyncio.run(import_configuration(cell))
    ensure_subscriptions(cell.database)


def up(one_process: OneProcess = False) -> None:
    """Set up what is missing and run the whole system: web, projector, worker, scheduler.

    On the embedded default everything lives in OMS_DATA_DIR; Ctrl-C stops it within 5 s, and
    the next `up` continues where it was.
    """
    settings = Settings.from_environment()
    logs.configure(settings)
    if one_process:
        require_one_process(settings)
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


def migrate(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing.")] = False,
) -> None:
    """Create the tables, or bring them to this release."""
    cell = open_cell()
    prepare(cell)
    if not quiet:
        typer.echo("The database has the tables of this release.")
