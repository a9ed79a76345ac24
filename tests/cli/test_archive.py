"""The archive: a copy of old events in Parquet files, one chain with the database (G67)."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.eventstore import archive as archives
from oms_ledger.eventstore.archive import MANIFEST, Archive, UnusableArchive
from oms_ledger.eventstore.integrity import IntegrityError, latest
from oms_ledger.eventstore.records import RecordedEvent
from projections.subscriptions import checkpoints
from projections.subscriptions.views import VIEWS
from tests.support.clock import set_clock
from tests.support.purchases import open_account, place_paid
from workers.projector import ensure_subscriptions

MOST = 4
"""Events of a file here: a few orders make several."""


def story(cell: Cell, first: int, last: int) -> None:
    async def orders() -> None:
        if first == 1:
            await open_account(cell.ledger)
        for number in range(first, last + 1):
            await place_paid(cell.ledger, f"v{number}-01", number)

    asyncio.run(orders())


def archived(cell: Cell, folder: Path) -> Archive:
    """An archive of all that is there, in several files."""
    archive = Archive(folder)
    known = archive.files
    assert [*known, *archive.add(cell.store, cell.clock.micros() + 1, MOST)] == archive.files
    return archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def written(cell: Cell) -> Cell:
    cell.require_tables()
    ensure_subscriptions(cell.database)
    story(cell, 1, 4)
    return cell


@pytest.mark.guarantee("G67")
def test_files_hold_every_event_before_an_instant_and_go_on_where_they_ended(
    written: Cell, folder: Path
) -> None:
    until, head = written.clock.micros() + 1, written.store.head()
    set_clock(written, written.clock.now() + timedelta(days=1))
    story(written, 5, 6)
    archive = Archive(folder)
    files = list(archive.add(written.store, until, MOST))
    assert len(files) > 2
    assert [file.first for file in files] == [1, *(file.last + 1 for file in files[:-1])]
    assert archive.end is not None
    assert archive.end.position == head
    assert list(archive.add(written.store, until, MOST)) == []
    more = list(Archive(folder).add(written.store, written.clock.micros() + 1))
    assert [(file.first, file.last) for file in more] == [(head + 1, written.store.head())]
    ends = list(Archive(folder).verify())
    assert ends == [file.end for file in (*files, *more)]
    assert ends[-1] == latest(written.store)
    assert json.loads((folder / MANIFEST).read_text())["seal"] == str(ends[-1])


def test_a_row_is_the_event_with_its_personal_part_encrypted(written: Cell, folder: Path) -> None:
    moved = written.store.head()
    with written.database.writing() as connection:
        connection.execute(
            text("UPDATE events SET origin_position = 7 WHERE position = :at"), {"at": moved}
        )
    archive = archived(written, folder)
    rows = [row for file in archive.files for row, _, _ in archives._read(folder / file.name)]
    stored = written.store.page(0, 10_000)
    assert rows == [row._replace(body=bytes(row.body)) for row in stored]
    assert [row.origin_position for row in rows if row.position == moved] == [7]
    assert any(row.personal for row in rows)
    assert not any(b"@" in row.body for row in rows)
    columns = parquet.read_schema(folder / archive.files[0].name)
    assert str(columns.field("at").type) == "timestamp[us, tz=UTC]"


@pytest.mark.guarantee("G67")
def test_archive_and_database_are_verified_as_one_chain(
    written: Cell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_cell(written, monkeypatch)
    made = run("archive", "--before", "2999-01-01", "--to", f"file:{folder}", "--json")
    end = latest(written.store)
    assert made == {"archived": written.store.head(), "seal": str(end)}
    story(written, 5, 5)
    rebuild(written)
    checked = run("verify", "--archive", str(folder), "--json")
    assert (checked["ok"], checked["archive"], checked["head"]) == (
        True,
        str(end),
        written.store.head(),
    )


def flip_a_byte(cell: Cell, archive: Archive) -> None:
    path = archive.folder / archive.files[1].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose_a_file(cell: Cell, archive: Archive) -> None:
    (archive.folder / archive.files[1].name).unlink()


def leave_a_file_out(cell: Cell, archive: Archive) -> None:
    """As if its events had never been."""
    remake_manifest(archive, lambda files: [*files[:1], *files[2:]])


def change_an_event(cell: Cell, archive: Archive) -> None:
    """With the file's digest made anew, as whoever can write the folder would."""
    rewrite(archive, redigest=False, reseal=False)


def change_an_event_and_its_digest(cell: Cell, archive: Archive) -> None:
    rewrite(archive, redigest=True, reseal=False)


def change_an_event_and_seal_it_again(cell: Cell, archive: Archive) -> None:
    rewrite(archive, redigest=True, reseal=True)


def change_the_database(cell: Cell, archive: Archive) -> None:
    first = archive.files[1].first
    with cell.database.writing() as connection:
        connection.execute(
            text("UPDATE events SET actor = 'nobody' WHERE position = :at"), {"at": first}
        )


TAMPERED: tuple[tuple[Callable[[Cell, Archive], None], str], ...] = (
    (flip_a_byte, "was changed"),
    (lose_a_file, "is missing"),
    (leave_a_file_out, "the archive lacks these events"),
    (change_an_event, "the event was changed in events-"),
    (change_an_event_and_its_digest, "differs"),
    (change_an_event_and_seal_it_again, "not the one that was sealed"),
    (change_the_database, "the event was changed"),
)


@pytest.mark.guarantee("G67")
@pytest.mark.parametrize(
    ("tamper", "reason"), TAMPERED, ids=lambda one: getattr(one, "__name__", "")
)
def test_tampering_is_found(
    written: Cell,
    folder: Path,
    tamper: Callable[[Cell, Archive], None],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = archived(written, folder)
    rebuild(written)
    at_the_cell(written, monkeypatch)
    assert run("verify", "--archive", f"file:{folder}", "--json")["ok"] is True
    tamper(written, archive)
    result = CliRunner().invoke(app, ["verify", "--archive", f"file:{folder}", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert reason in found["reason"]
    second = archive.files[1]
    assert second.first <= found["position"] <= archive.files[-1].last


def test_what_is_not_what_was_sealed_is_not_archived(written: Cell, folder: Path) -> None:
    at = written.store.head() - 1
    with written.database.writing() as connection:
        connection.execute(text("UPDATE events SET name = 'x' WHERE position = :at"), {"at": at})
    archive = Archive(folder)
    with pytest.raises(IntegrityError):
        list(archive.add(written.store, written.clock.micros() + 1, MOST))
    kept = Archive(folder)
    assert kept.files == archive.files
    assert kept.end is not None
    assert kept.end.position < at
    assert list(kept.verify())


def test_a_run_that_was_cut_off_is_made_again(written: Cell, folder: Path) -> None:
    archive = archived(written, folder)
    whole = (folder / MANIFEST).read_text()
    remake_manifest(archive, lambda files: files[:1])  # written, and not yet listed
    (folder / "unfinished.parquet").write_bytes(b"half")
    archived(written, folder)
    assert (folder / MANIFEST).read_text() == whole
    assert list(Archive(folder).verify())[-1] == latest(written.store)


def test_two_ledgers_share_no_archive(written: Cell, folder: Path) -> None:
    archive = archived(written, folder)
    remake_manifest(archive, lambda files: [{**files[0], "seal": "00" * 32}])
    with pytest.raises(UnusableArchive, match="another ledger"):
        archived(written, folder)


def test_a_folder_that_is_no_archive_is_named(
    written: Cell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    for manifest in ("{", '{"format": 2}', '{"format": 1, "files": [{}]}'):
        (folder / MANIFEST).write_text(manifest)
        with pytest.raises(UnusableArchive):
            Archive(folder)
    at_the_cell(written, monkeypatch)
    for arguments in (
        ("archive", "--before", "soon", "--to", f"file:{folder}"),
        ("archive", "--before", "2026-01-01", "--to", "s3://bucket"),
        ("verify", "--archive", str(folder / "none")),
    ):
        assert CliRunner().invoke(app, list(arguments)).exit_code == 2


def test_without_pyarrow_it_says_what_to_install(
    written: Cell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(archives, "import_module", missing)
    with pytest.raises(UnusableArchive, match=r"oms-ledger\[archive\]"):
        archived(written, folder)


def remake_manifest(
    archive: Archive, change: Callable[[list[dict[str, object]]], list[dict[str, object]]]
) -> None:
    path = archive.folder / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "files": change(manifest["files"])}))


def rewrite(archive: Archive, *, redigest: bool, reseal: bool) -> None:
    """Change an event of the second file, and make anew as much of the chain as is said."""
    seal = archive.files[0].end.seal
    for number, file in enumerate(archive.files[1:], 1):
        path = archive.folder / file.name
        rows = list(archives._read(path))
        if number == 1:
            row, digest, its_seal = rows[0]
            changed: RecordedEvent = row._replace(actor="nobody")
            rows[0] = (changed, changed.digest() if redigest else digest, its_seal)
        if reseal:
            covered = b""
            for at, (row, digest, its_seal) in enumerate(rows):
                covered += digest
                if its_seal is not None:
                    seal, covered = hashlib.sha256(seal + covered).digest(), b""
                    rows[at] = (row, digest, seal)
        archives._write(path, iter(rows))
        made: dict[str, object] = {
            "sha256": archives._sha256(path),
            **({"seal": seal.hex()} if reseal else {}),
        }
        remake_manifest(archive, partial(put, number, made))


def put(
    number: int, made: dict[str, object], files: list[dict[str, object]]
) -> list[dict[str, object]]:
    return [*files[:number], {**files[number], **made}, *files[number + 1 :]]


def at_the_cell(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oms_ledger.cli.archiving.open_migrated", lambda: cell)
    monkeypatch.setattr("oms_ledger.cli.maintenance.open_migrated", lambda: cell)


def rebuild(cell: Cell) -> None:
    for subscription, view in VIEWS.items():
        checkpoints.run(cell.database, cell.loader(), subscription, view())


def run(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found
