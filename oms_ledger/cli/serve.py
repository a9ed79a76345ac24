"""`oms-ledger serve`: the web process, or the one that does everything."""

import importlib

import typer
from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from oms_ledger.cli.one_process_option import OneProcess, require_one_process
from oms_ledger.cli.opening import open_process
from oms_ledger.services import gc_tuning


def install(app: typer.Typer) -> None:
    """Add the command `serve`."""
    app.command()(serve)


CONNECTIONS = 4096
"""Connections that a web process keeps open; those beyond wait to be accepted."""


def serve(one_process: OneProcess = False) -> None:
    """Run the web process: the API."""
    cell = open_process()
    settings = cell.settings
    cell.close()
    if one_process:
        require_one_process(settings)
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
