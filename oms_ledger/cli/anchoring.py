"""What the ledger was, to be kept and shown elsewhere: `seal`, `proof`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from oms_ledger.cell import Cell
from oms_ledger.cli.opening import open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.eventstore import anchors
from oms_ledger.eventstore.anchors import MalformedAnchor, SignedAnchor
from oms_ledger.eventstore.integrity import latest
from oms_ledger.eventstore.proof import BrokenProof, Proved, check_proof, make_proof
from oms_ledger.eventstore.records import instant, order_stream
from oms_ledger.services.ops.anchoring import anchor, read_anchors


def install(app: typer.Typer) -> None:
    """Add the commands `seal` and `proof`."""
    app.command()(seal)
    app.command()(proof)


def seal(as_json: AsJson = False) -> None:
    """Print the last position and its seal, to be kept where nobody who writes here writes.

    With OMS_SEAL_KEY_FILE it is signed and kept as an anchor, too; `--json` has the signature.
    """
    cell = open_migrated()
    found = latest(cell.store)
    if found is None:
        typer.echo("The ledger has no events yet.")
        raise typer.Exit(1)
    if key_file := cell.settings.seal_key_file:
        signed = anchor(cell, key_file)
        assert signed is not None
        print_json(signed.fields()) if as_json else typer.echo(
            f"{signed.position}:{signed.seal.hex()}"
        )
    elif as_json:
        print_json({"position": found.position, "seal": found.seal.hex()})
    else:
        typer.echo(str(found))


def proof(
    order: Annotated[str | None, typer.Argument(help="The order's id.")] = None,
    account: Annotated[str | None, typer.Option(help="Whose order it is.")] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check this proof; needs no ledger.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The key that its anchor is signed by.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove the events of one order by an anchor, or check such a proof without a ledger."""
    if check:
        _check(check, public_key, as_json)
    elif order and account:
        _prove(account, order)
    else:
        raise typer.BadParameter("name an ORDER and its --account, or a proof to --check")


def _prove(account: str, order: str) -> None:
    cell = open_migrated()
    if cell.settings.seal_key_file:
        anchor(cell, cell.settings.seal_key_file)
    newest = anchors.newest(cell.database)
    if newest is None:
        raise MalformedAnchor("there is no anchor yet: set OMS_SEAL_KEY_FILE and seal")
    stream = order_stream(account, order)
    made = make_proof(cell.store, stream, newest)
    if not made["events"]:
        sys.exit(f"oms-ledger: {stream} has no event up to the anchor at {newest.position}")
    print_json(made)


def _check(file: Path, public_key: Path | None, as_json: bool) -> None:
    key = anchors.read_public_key(public_key) if public_key else None
    try:
        proved = check_proof(orjson.loads(file.read_bytes()), key)
    except (BrokenProof, orjson.JSONDecodeError, OSError) as error:
        sys.exit(f"oms-ledger: the proof does not hold: {error}")
    if as_json:
        print_json({"ok": True, "signed": key is not None, **_shown(proved)})
        return
    print_table(
        ("position", "at", "event", "actor", "status"),
        [(e.position, instant(e.at).isoformat(), e.name, e.actor, e.status or "-")
         for e in proved.events],
    )  # fmt: skip
    held = proved.anchor
    by = f"signed by {held.key}" if key else "of which the signature was not checked: --public-key"
    typer.echo(
        f"All {len(proved.events)} events were sealed before {held.at.isoformat()}, by the anchor"
        f" at position {held.position}, {by}."
    )


def _shown(proved: Proved) -> dict[str, object]:
    names = ("position", "version", "name", "at", "actor", "status")
    return {
        "anchor": proved.anchor.fields(),
        "events": [{name: getattr(one, name) for name in names} for one in proved.events],
    }


def known_anchors(cell: Cell, file: Path | None, public_keys: Sequence[Path]) -> list[SignedAnchor]:
    """The anchors that are kept here and in a file; each is signed by one of the keys, if any."""
    found = anchors.kept(cell.database) + (read_anchors(file) if file else [])
    keys = [anchors.read_public_key(path) for path in public_keys]
    for one in found:
        if keys and not any(one.is_signed_by(key) for key in keys):
            raise MalformedAnchor(f"the anchor at position {one.position} is signed by no such key")
    return found
