"""`oms-ledger master-key …`: the key that wraps the keys of personal data."""

import base64
import binascii
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import progress
from oms_ledger.eventstore import key_check
from oms_ledger.eventstore.encryption import master_key
from oms_ledger.services.ops.master_key import count, rotate

app = typer.Typer(help="The key that wraps the keys of personal data.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The commands are below."""


@app.command(name="rotate")
def rotate_(
    to: Annotated[Path, typer.Option(metavar="FILE", help="The new key: 32 bytes in base64.")],
) -> None:
    """Encrypt anew what the master key encrypts, with the deployment stopped.

    It can be cut short and run again with the same two keys; until it is through no process
    starts. Keep the old key for backups that were made before.
    """
    new = _key_of(to)
    cell = open_migrated()
    given, folder = cell.settings.master_key, cell.settings.data_dir
    if given is None and not (folder / "master.key").exists():
        sys.exit("oms-ledger: there is no master key to replace yet")
    old = master_key(given, folder)
    if old == new:
        sys.exit(f"oms-ledger: {to} holds the key that is in use")
    if not key_check.is_current(cell.database, new):
        with progress() as bar:
            task = bar.add_task("Encrypting anew", total=count(cell.database))
            for done in rotate(cell.database, old, new):
                bar.update(task, completed=done)
    if given is None:
        _replace(folder / "master.key", new)
        typer.echo(f"The master key is replaced, in {folder / 'master.key'} too.")
    else:
        typer.echo(f"The master key is replaced: set OMS_MASTER_KEY to what {to} holds.")


def _key_of(path: Path) -> bytes:
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        sys.exit(f"oms-ledger: {path} is not readable ({type(error).__name__})")
    if len(key) != 32:
        sys.exit(f"oms-ledger: {path} holds {len(key)} bytes, expected 32 in base64")
    return key


def _replace(path: Path, key: bytes) -> None:
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(key))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
