"""The option that runs everything in one process, and the settings that it does not go with."""

import sys
from typing import Annotated

import typer

from oms_ledger.settings import Settings

OneProcess = Annotated[
    bool,
    typer.Option(
        "--one-process",
        help="Run web, projector, worker and scheduler in one process: half the memory.",
    ),
]


def require_one_process(settings: Settings) -> None:
    """Refuse settings that need several processes."""
    if settings.seal_key_file is not None:
        sys.exit(
            "oms-ledger: OMS_SEAL_KEY_FILE is for a scheduler of its own, not for the process that"
            " serves: leave --one-process."
        )
    if max(settings.web_processes, settings.worker_processes) > 1:
        sys.exit("oms-ledger: leave --one-process, or OMS_WEB_PROCESSES and OMS_WORKER_PROCESSES.")
