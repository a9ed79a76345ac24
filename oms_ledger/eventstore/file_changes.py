"""Wait until a file is written: notified by the kernel where it can (Linux), else by looking."""

import ctypes
import os
import select
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK = 0.05  # seconds between looks where the kernel notifies nobody

_MODIFY, _CREATE, _MOVED_TO = 0x2, 0x100, 0x80
_HEAD = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class FileChanges:
    """Changes of one file, which may be removed and made again meanwhile."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path, self._descriptor = path, descriptor
        self._seen = self._state()

    def wait(self, seconds: float, interrupt: int | None = None) -> bool:
        """Whether the file was written since the last call, waiting at most so many seconds.

        What can be read from the descriptor `interrupt` ends the wait.
        """
        until = time.monotonic() + seconds
        descriptor, interrupts = self._descriptor, () if interrupt is None else (interrupt,)
        while True:
            if descriptor is None and self._changed():
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            readable = interrupts if descriptor is None else (descriptor, *interrupts)
            longest = min(LOOK, left) if descriptor is None else left
            ready, _, _ = select.select(readable, [], [], longest)
            if descriptor in ready and descriptor is not None and self._has_changes(descriptor):
                return True
            if interrupt in ready:
                return False

    def _has_changes(self, descriptor: int) -> bool:
        """Whether any of the kernel's notifications is of this file."""
        notified, at, ours = os.read(descriptor, 65_536), 0, False
        while at < len(notified):
            *_, size = _HEAD.unpack_from(notified, at)
            at += _HEAD.size
            ours |= notified[at : at + size].rstrip(b"\0") == os.fsencode(self._path.name)
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
def watching(path: Path, *, notified: bool = True) -> Iterator[FileChanges]:
    """Watch a file; not `notified` by the kernel, it is looked at again and again."""
    descriptor = _watch(path.parent) if notified else None
    try:
        yield FileChanges(path, descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _watch(folder: Path) -> int | None:
    """A descriptor that reports changes in a folder; None where the kernel has none left."""
    if not hasattr(_LIBC, "inotify_init1"):
        return None
    descriptor: int = _LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return None
    mask = _MODIFY | _CREATE | _MOVED_TO
    if _LIBC.inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:
        os.close(descriptor)
        return None
    return descriptor
