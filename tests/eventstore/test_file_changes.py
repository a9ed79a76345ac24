"""A file that is written wakes who waits, however the kernel is asked."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from oms_ledger.eventstore.file_changes import watching

FOREVER = 60.0


@pytest.mark.parametrize("notified", [True, False])
def test_a_write_is_seen_once_and_none_is_made_up(tmp_path: Path, notified: bool) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"1")
    with watching(file, notified=notified) as changes:
        assert not changes.wait(0)
        other.write_bytes(b"1")
        assert not changes.wait(0.01), "of another file"
        file.write_bytes(b"12")
        assert changes.wait(FOREVER)
        assert not changes.wait(0)
        file.unlink()
        fresh = tmp_path / "fresh"
        fresh.write_bytes(b"123")
        os.replace(fresh, file)
        assert changes.wait(FOREVER)


@pytest.mark.parametrize("notified", [True, False])
def test_a_commit_of_another_connection_signals_who_waits(tmp_path: Path, notified: bool) -> None:
    path = tmp_path / "database"
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (a)")
    results = []
    with watching(Path(f"{path}-wal"), notified=notified) as changes:
        changes.wait(0)
        waiting = threading.Thread(target=lambda: results.append(changes.wait(FOREVER)))
        waiting.start()
        writer.execute("INSERT INTO t VALUES (1)")
        waiting.join()
    assert results == [True]
    writer.close()
