"""Children that evaluate what could, in spite of every bound, end the process it runs in.

Plain expressions, which most filters are, cost in proportion to their text and their document:
they stay in this process. Whatever else an anonymous caller writes is evaluated by a child of
bounded memory and processor time.
"""

import json
import marshal
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from oms_ledger.jsonata.bounds import CHILD_MEMORY, CHILD_PATIENCE, CHILDREN
from oms_ledger.jsonata.errors import BoundExceeded, ChildKilled, EvaluationError
from oms_ledger.jsonata.reference import EPOCH

# The limit stands before anything is loaded that would reserve more. Whoever waits for no
# expression comes first.
PROGRAM = f"""
import os, resource
os.nice(10)
resource.setrlimit(resource.RLIMIT_AS, ({CHILD_MEMORY}, {CHILD_MEMORY}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from oms_ledger.jsonata.child import main
main()
"""
COMMAND = (sys.executable, "-I", "-c", PROGRAM)


class _Gone(Exception):
    """The child ended, or did not answer, before it said what came of it."""


class Child:
    """One process; one thread asks it at a time."""

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},  # and none of our secrets
        )

    def ask(self, request: bytes, patience: float) -> bytes:
        """Send a request and wait for its answer, `patience` seconds at most."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        until = time.monotonic() + patience
        try:
            stdin.write(len(request).to_bytes(4, "big") + request)
            stdin.flush()
            return self._read(int.from_bytes(self._read(4, until), "big"), until)
        except OSError:
            raise _Gone from None

    def _read(self, size: int, until: float) -> bytes:
        assert self._process.stdout is not None
        source, content = self._process.stdout.fileno(), bytearray()
        while len(content) < size:
            ready, _, _ = select.select([source], [], [], max(0.0, until - time.monotonic()))
            part = os.read(source, size - len(content)) if ready else b""
            if not part:
                raise _Gone
            content += part
        return bytes(content)

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert stream is not None
                stream.close()


class Children:
    """A few children, started when they are needed; each is used by one thread at a time."""

    def __init__(self, most: int = CHILDREN, patience: float = CHILD_PATIENCE) -> None:
        self._free: list[Child] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(most)
        self._patience = patience

    def answer(self, request: bytes) -> dict[str, Any]:
        """What a child came to; `ChildKilled` when two of them ended over it."""
        with self._room:
            for _ in range(2):  # the first may have been ended by somebody else
                child = self._take()
                try:
                    answer = child.ask(request, self._patience)
                except _Gone:
                    child.close()
                    continue
                except BaseException:
                    child.close()
                    raise
                with self._lock:
                    self._free.append(child)
                answered: dict[str, Any] = json.loads(answer)
                return answered
        raise ChildKilled

    def close(self) -> None:
        """Kill the processes that wait for work."""
        with self._lock:
            children, self._free = self._free, []
        for child in children:
            child.close()

    def _take(self) -> Child:
        with self._lock:
            if self._free:
                return self._free.pop()
        return Child()


@dataclass(frozen=True)
class Isolated:
    """Evaluates an expression in a child."""

    text: str
    children: Children

    def __call__(self, document: dict[str, Any], at: datetime, time: float) -> Any:
        """What it gives for a document, at an instant, within `time` seconds of CPU."""
        micros = (at - EPOCH) // timedelta(microseconds=1)
        answer = self.children.answer(marshal.dumps((self.text, document, micros, time)))
        if "bound" in answer:
            raise BoundExceeded(answer["bound"])
        if "error" in answer:
            raise EvaluationError(answer["error"])
        return answer["value"]
