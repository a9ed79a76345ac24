"""Waits until a file is written: told by the kernel where it tells (Linux), else by looking."""

import ctypes
import os
import select
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK = 0.05  # seconds between looks where the kernel tells nothing

_MODIFY, _CREATE, _MOVED_TO = 0x2, 0x100, 0x80
_HEAD = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class FileChanges:
    """Changes of one file, which may be removed and made again meanwhile."""

    def __init__(self, path: Path, told_by: int | None) -> None:
        self._path, self._told_by = path, told_by
        self._seen = self._state()

    def wait(self, seconds: float, wake: int | None = None) -> bool:
        """Whether the file was written since the last call, waiting at most so many seconds.

        What can be read from the descriptor `wake` ends the wait.
        """
        until = time.monotonic() + seconds
        told_by, woken = self._told_by, () if wake is None else (wake,)
        while True:
            if told_by is None and self._changed():
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            readable = woken if told_by is None else (told_by, *woken)
            longest = min(LOOK, left) if told_by is None else left
            ready, _, _ = select.select(readable, [], [], longest)
            if told_by in ready and told_by is not None and self._is_told(told_by):
                return True
            if wake in ready:
                return False

    def _is_told(self, told_by: int) -> bool:
        """Whether any of what the kernel tells is of this file."""
        told, at, ours = os.read(told_by, 65_536), 0, False
        while at < len(told):
            *_, size = _HEAD.unpack_from(told, at)
            at += _HEAD.size
            ours |= told[at : at + size].rstrip(b"\0") == os.fsencode(self._path.name)
            at += size
        return ours

    def _changed(self) -> bool:
        before, self._seen = self._seen, self._state()
        return before != self._seen

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def watching(path: Path, *, told: bool = True) -> Iterator[FileChanges]:
    """Watch a file; not `told` by the kernel, it is looked at again and again."""
    told_by = _watch(path.parent) if told else None
    try:
        yield FileChanges(path, told_by)
    finally:
        if told_by is not None:
            os.close(told_by)


def _watch(folder: Path) -> int | None:
    """A descriptor that tells of changes in a folder; None where the kernel has none left."""
    if not hasattr(_LIBC, "inotify_init1"):
        return None
    told_by: int = _LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if told_by < 0:
        return None
    mask = _MODIFY | _CREATE | _MOVED_TO
    if _LIBC.inotify_add_watch(told_by, os.fsencode(folder), mask) < 0:
        os.close(told_by)
        return None
    return told_by
