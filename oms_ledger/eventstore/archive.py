"""Old events in Parquet files, a copy that the chain of seals runs through (G67).

A folder has one file for each range of positions and a manifest that ends with the seal of the
last event. A file's rows are those of the table, personal parts encrypted as they are there; where
a group was sealed, its last row carries the seal. So the files are verified without the database,
and the database has to have the same seal where they end.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import select

from oms_ledger.eventstore.anchors import seals_after
from oms_ledger.eventstore.integrity import Anchor, IntegrityError
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.store import Store
from oms_ledger.eventstore.tables import events, seals

MANIFEST = "manifest.json"
FORMAT = 1
EVENTS = 100_000
"""Of a file, about: it ends with the group that reaches them."""

Group = tuple[int, int, bytes]
"""Events that were sealed together: the last position, the first, and the seal."""

_PAGE = 1000
_BODY = RecordedEvent._fields.index("body")


class UnusableArchive(Exception):
    """A folder cannot be archived to, or be read as an archive."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """Events from one position to another; `seal` is that of the last of them."""

    first: int
    last: int
    sha256: str
    seal: str

    @property
    def name(self) -> str:
        """The file's name, by its first and its last position."""
        return f"events-{self.first:012}-{self.last:012}.parquet"

    @property
    def end(self) -> Anchor:
        """The last position in the file, and the chain's seal there."""
        return Anchor(self.last, bytes.fromhex(self.seal))


class Archive:
    """A folder of archived events."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = self._manifest()

    @property
    def end(self) -> Anchor | None:
        """The last position that is archived, and its seal."""
        return self.files[-1].end if self.files else None

    def add(self, store: Store, before: int, most: int = EVENTS) -> Iterator[ArchiveFile]:
        """Archive what was recorded before an instant in microseconds, and is not archived yet.

        Whole groups only: what was sealed together stays together. Yields each file once it is
        complete and listed. Raises `IntegrityError` for events that are not what was sealed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self.files = self._manifest()
            self._require_same_ledger(store)
            last = _last_before(store, self.end.position if self.end else 0, before)
            while file := self._next(store, last, most):
                yield file

    def verify(self) -> Iterator[Anchor]:
        """Recompute the chain through all files; the end of each. Raises `IntegrityError`."""
        at = Anchor(0, b"")
        for file in self.files:
            if file.first != at.position + 1:
                raise IntegrityError(at.position + 1, "the archive lacks these events")
            at = self._verified(file, at)
            yield at

    def _manifest(self) -> list[ArchiveFile]:
        path = self.folder / MANIFEST
        try:
            manifest: Any = json.loads(path.read_text()) if path.exists() else {"format": FORMAT}
            if manifest["format"] != FORMAT:
                raise UnusableArchive(f"{path} is of another release")
            return [ArchiveFile(**fields) for fields in manifest.get("files", ())]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnusableArchive(f"{path} is no manifest of an archive") from error

    def _require_same_ledger(self, store: Store) -> None:
        if self.end is None:
            return
        query = select(seals.c.seal).where(seals.c.position_to == self.end.position)
        with store.database.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None or bytes(found) != self.end.seal:
            raise UnusableArchive(f"{self.folder} holds the events of another ledger")

    def _next(self, store: Store, last: int, most: int) -> ArchiveFile | None:
        """The next file, written and listed; None when there is nothing more to archive."""
        before = self.end or Anchor(0, b"")
        groups: list[Group] = []
        for to, since, seal in seals_after(store.database, before.position, most):
            if to > last or (groups and to - before.position > most):
                break
            groups.append((to, since, seal))
        if not groups:
            return None
        unnamed = self.folder / "unfinished.parquet"
        _write(unnamed, _sealed_rows(store, groups, before.seal))
        end = groups[-1]
        file = ArchiveFile(before.position + 1, end[0], _sha256(unnamed), end[2].hex())
        _put(unnamed, self.folder / file.name)
        self.files.append(file)
        listed = self.folder / "unfinished.json"
        fields = {"format": FORMAT, "files": [asdict(one) for one in self.files]}
        listed.write_text(json.dumps({**fields, "seal": str(file.end)}, indent=1) + "\n")
        _put(listed, self.folder / MANIFEST)
        return file

    def _verified(self, file: ArchiveFile, before: Anchor) -> Anchor:
        path = self.folder / file.name
        if not path.exists():
            raise IntegrityError(file.first, f"{file.name} is missing")
        if _sha256(path) != file.sha256:
            raise IntegrityError(file.first, f"{file.name} was changed")
        covered, at, position = [], before, before.position
        for row, digest, seal in _read(path):
            position += 1
            if row.position != position:
                raise IntegrityError(position, f"the event is missing in {file.name}")
            if row.digest() != digest:
                raise IntegrityError(position, f"the event was changed in {file.name}")
            covered.append(digest)
            if seal is not None:
                _require_seal(at, covered, seal)
                covered, at = [], Anchor(position, seal)
        if at != file.end or covered:
            raise IntegrityError(file.last, f"{file.name} ends with another seal than its manifest")
        return at

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UnusableArchive(f"somebody else archives to {self.folder}") from None
            yield


def _last_before(store: Store, after: int, before: int) -> int:
    """The last position up to which everything was recorded before an instant."""
    query = select(events.c.position).where(events.c.position > after, events.c.at >= before)
    with store.database.reading() as connection:
        first = connection.execute(query.order_by(events.c.position).limit(1)).scalar_one_or_none()
    return store.head() if first is None else first - 1


Sealed = tuple[RecordedEvent, bytes, bytes | None]
"""An event, its digest, and the seal of the group that it is the last of."""


def _sealed_rows(store: Store, groups: Sequence[Group], seal: bytes) -> Iterator[Sealed]:
    """The events of some groups, held against their seals; `seal` is that of the one before."""
    rows = _rows(store, groups[0][1] - 1)
    at = Anchor(groups[0][1] - 1, seal)
    for last, _, its_seal in groups:
        covered = []
        for position in range(at.position + 1, last + 1):
            row = next(rows, None)
            if row is None or row.position != position:
                raise IntegrityError(position, "the event is missing")
            covered.append(row.digest())
            if position == last:
                _require_seal(at, covered, its_seal)
            yield row, covered[-1], its_seal if position == last else None
        at = Anchor(last, its_seal)


def _require_seal(before: Anchor, covered: Sequence[bytes], seal: bytes) -> None:
    if hashlib.sha256(before.seal + b"".join(covered)).digest() != seal:
        first, last = before.position + 1, before.position + len(covered)
        raise IntegrityError(first, f"seal of {first}-{last} differs")


def _rows(store: Store, after: int) -> Iterator[RecordedEvent]:
    while rows := store.page(after, _PAGE):
        for row in rows:
            personal = None if row.personal is None else bytes(row.personal)
            yield row._replace(body=bytes(row.body), personal=personal)
        after = rows[-1].position


# Parquet


def _pyarrow() -> Any:
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise UnusableArchive('archives need `pip install "oms-ledger[archive]"`') from None
    return import_module("pyarrow")


def _schema() -> Any:
    arrow = _pyarrow()
    instant, text = arrow.timestamp("us", "UTC"), arrow.string()
    types = {
        "version": arrow.int32(),
        "at": instant,
        "moved_before_at": instant,
        "personal": arrow.binary(),
        "position": arrow.int64(),
        "origin_position": arrow.int64(),
    }
    fields = [(name, types.get(name, text)) for name in RecordedEvent._fields]
    return arrow.schema([*fields, ("digest", arrow.binary(32)), ("seal", arrow.binary(32))])


def _write(path: Path, rows: Iterator[Sealed]) -> None:
    arrow, schema = _pyarrow(), _schema()
    with arrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        page: list[Sealed] = []
        for sealed in rows:
            page.append(sealed)
            if len(page) == 10 * _PAGE:
                writer.write_table(_table(arrow, schema, page))
                page.clear()
        if page:
            writer.write_table(_table(arrow, schema, page))


def _table(arrow: Any, schema: Any, page: Sequence[Sealed]) -> Any:
    columns = [list(column) for column in zip(*(row for row, _, _ in page), strict=True)]
    columns[_BODY] = [body.decode() for body in columns[_BODY]]
    columns += [[digest for _, digest, _ in page], [seal for _, _, seal in page]]
    arrays = [arrow.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    return arrow.Table.from_arrays(arrays, schema=schema)


def _read(path: Path) -> Iterator[Sealed]:
    arrow, schema = _pyarrow(), _schema()
    number = arrow.int64()
    try:
        file = arrow.parquet.ParquetFile(path)
        if not file.schema_arrow.equals(schema):
            raise UnusableArchive(f"{path} has other columns than an archive's")
        for batch in file.iter_batches(_PAGE):
            columns = [
                column.cast(number) if arrow.types.is_timestamp(column.type) else column
                for column in batch.columns
            ]
            for *fields, digest, seal in zip(*(c.to_pylist() for c in columns), strict=True):
                fields[_BODY] = fields[_BODY].encode()
                yield RecordedEvent._make(fields), digest, seal
    except arrow.ArrowException as error:
        raise UnusableArchive(f"{path} is no Parquet file: {error}") from error


# Files


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(unfinished: Path, path: Path) -> None:
    """Give a file its name once it is on disk, so that it is there whole or not at all."""
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
