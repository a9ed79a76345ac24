"""Anchor the ledger: signed, time-stamped where that is set, and kept inside and outside."""

import os
from datetime import timedelta
from pathlib import Path

import orjson
import structlog

from oms_ledger.cell import Cell
from oms_ledger.eventstore import anchors
from oms_ledger.eventstore.anchors import MalformedAnchor, SignedAnchor
from oms_ledger.http_client.time_stamp import TimeStampRefused, time_stamp

log = structlog.get_logger(__name__)


def anchor(cell: Cell, key_file: Path) -> SignedAnchor | None:
    """Sign what the ledger is now and keep it; None before the first event.

    A time stamp that was not had is not waited for: the anchor is kept without it.
    """
    key = anchors.read_private_key(key_file)
    before = anchors.newest(cell.database)
    signed = anchors.sign(cell.database, key, cell.clock.now())
    if signed is None:
        return None
    made, tree = signed
    if before and before.position == made.position and before.key == made.key:
        return before
    made = _time_stamped(cell, made)
    anchors.keep(cell.database, made, tree)
    if path := cell.settings.anchor_file:
        _append(path, made)
    return made


def anchor_when_due(cell: Cell) -> SignedAnchor | None:
    """Anchor once the newest anchor is old enough and something was recorded since."""
    key_file = cell.settings.seal_key_file
    if key_file is None:
        return None
    newest = anchors.newest(cell.database)
    every = timedelta(seconds=cell.settings.seal_every)
    if newest and (cell.clock.now() < newest.at + every or newest.position == cell.store.head()):
        return None
    return anchor(cell, key_file)


def read_anchors(path: Path) -> list[SignedAnchor]:
    """The anchors of a file, one JSON object a line; raises `MalformedAnchor`."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                found.append(SignedAnchor.read(orjson.loads(line)))
            except ValueError as error:
                raise MalformedAnchor(f"line {number} of {path} is no anchor") from error
    return found


def _time_stamped(cell: Cell, made: SignedAnchor) -> SignedAnchor:
    url = cell.settings.timestamp_url
    if url is None:
        return made
    try:
        token = time_stamp(url, made.statement(), cell.settings.networks_of(""))
    except (TimeStampRefused, OSError) as error:
        log.warning("time_stamp_failed", position=made.position, error=error)
        return made
    return made.stamped(token)


def _append(path: Path, made: SignedAnchor) -> None:
    """One line more, on the disk before anything else is done."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write(orjson.dumps(made.fields()) + b"\n")
        file.flush()
        os.fsync(file.fileno())
