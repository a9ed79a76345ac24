"""Keeps a set of processes running side by side: one terminal, one Ctrl-C, nothing left behind.

Each process leads a process group of its own, so that Ctrl-C reaches the supervisor alone,
which then asks all of them to stop. A process that ends is started again. When the supervisor
itself is killed outright, the kernel (on Linux) and a guard process (everywhere) take its
children along.
"""

import contextlib
import heapq
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import IO, TextIO

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
# A process that stood this long before it ended is started again as if for the first time.
STEADY = 30.0

COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Runs in the child before the program: asks the kernel for SIGKILL when the supervisor dies,
# and looks whether that happened in between. Not a `preexec_fn`: those may deadlock among threads.
LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} cannot be started: {error.strerror}")
"""

# Reads "+group" and "-group" lines. The end of them means that the supervisor is gone, and that
# what it still had running, grandchildren too, has lost its keeper.
GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


@dataclass(frozen=True)
class Stop:
    """Somebody asked for the end; the second time, there is no more waiting."""


@dataclass(frozen=True)
class Ended:
    """A command has ended by itself."""

    child: "Child"


Event = Stop | Ended


@dataclass
class Child:
    """A program to keep running, and the process that runs it at the moment."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    reader: threading.Thread | None = None


@dataclass
class Supervisor:
    """Run the named commands until it has to stop.

    On a terminal every line of output is prefixed with the name it comes from; elsewhere the
    processes write where the supervisor writes. `prefixed` says otherwise.
    """

    commands: Mapping[str, list[str]]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    grace: float = 4.0
    output: TextIO = field(default_factory=lambda: sys.stdout)
    prefixed: bool | None = None
    last: Sequence[str] = ()
    """Commands that are asked to stop when the others have: these make use of them."""
    withheld: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By command the beginnings of names of variables in `environ` that it does not get."""

    def __post_init__(self) -> None:
        self._children = [Child(name, command) for name, command in self.commands.items()]
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._due: list[tuple[float, int]] = []
        self._writing = threading.Lock()
        self._guard: subprocess.Popen[str] | None = None
        if self.prefixed is None:
            self.prefixed = self.output.isatty()

    def run(self) -> int:
        """Start everything and block until stopped. 0 is a clean end; 1, that one was killed.

        To be called where the thread lives as long as the processes should, best the main one:
        only there do SIGINT, SIGTERM and SIGHUP arrive.
        """
        with self._guarded(), self._handling_signals():
            try:
                for number in range(len(self._children)):
                    self._start(number)
                self._keep_running()
                return self._finish()
            finally:
                self._kill()

    def stop(self) -> None:
        """Ask for the end, from any thread or signal handler."""
        self._events.put(Stop())

    def pids(self) -> dict[str, int]:
        """The processes that run at the moment, by name."""
        running = [(child.name, child.process) for child in self._children]
        return {name: process.pid for name, process in running if process}

    def _keep_running(self) -> None:
        while True:
            match self._next(self._due[0][0] if self._due else None):
                case Stop():
                    return
                case Ended(child):
                    self._restart_later(child, self._bury(child))
                case None:
                    self._start(heapq.heappop(self._due)[1])

    def _finish(self) -> int:
        """Ask everyone to stop and wait for it, but not for ever."""
        deadline = time.monotonic() + self.grace
        for last in (False, True):
            its_turn = [child for child in self._running() if (child.name in self.last) == last]
            for child in its_turn:
                with contextlib.suppress(OSError):
                    os.kill(child.process.pid, signal.SIGTERM)  # type: ignore[union-attr]
            while any(child.process for child in its_turn):
                match self._next(deadline):
                    case Ended(child):
                        self._bury(child)
                    case _:
                        break
        stubborn = [child.name for child in self._running()]
        if stubborn:
            self._say(f"{', '.join(stubborn)} did not stop in time and is killed")
        return 1 if stubborn else 0

    def _kill(self) -> None:
        for child in self._running():
            self._end_group(child)
        while self._running():
            match self._next(None):
                case Ended(child):
                    self._bury(child)

    def _running(self) -> list[Child]:
        return [child for child in self._children if child.process]

    def _next(self, deadline: float | None) -> Event | None:
        """The next thing that happens, or None when the deadline comes first."""
        try:
            if deadline is None:
                return self._events.get()
            return self._events.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return None

    def _start(self, number: int) -> None:
        child = self._children[number]
        child.started = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603 - commands of our own
                self._launched(child.command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.prefixed else None,
                stderr=subprocess.STDOUT if self.prefixed else None,
                env={"PYTHONUNBUFFERED": "1", **self._environ_of(child)},
                start_new_session=True,
            )
        except OSError as error:
            self._restart_later(child, f"cannot be started: {error.strerror}")
            return
        child.process = process
        self._tell_guard(f"+{process.pid}")
        if process.stdout:
            arguments = (number, process.stdout)
            child.reader = threading.Thread(target=self._copy, args=arguments, daemon=True)
            child.reader.start()
        threading.Thread(target=self._wait, args=(child, process), daemon=True).start()

    def _environ_of(self, child: Child) -> dict[str, str]:
        withheld = tuple(self.withheld.get(child.name, ()))
        return {name: text for name, text in self.environ.items() if not name.startswith(withheld)}

    def _launched(self, command: list[str]) -> list[str]:
        if not sys.platform.startswith("linux"):
            return command
        return [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), *command]

    def _wait(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        """Report the end of a process; where possible keep its id taken until it is reaped."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            process.wait()
        self._events.put(Ended(child))

    def _bury(self, child: Child) -> str:
        """Clear away what an ended process leaves behind. Answers how it ended."""
        process = child.process
        assert process
        # What the leader of the group left running would keep its port and its locks.
        self._end_group(child)
        code = process.wait()
        self._tell_guard(f"-{process.pid}")
        if child.reader and process.stdout:
            child.reader.join(1.0)
            if not child.reader.is_alive():
                process.stdout.close()
        child.process = child.reader = None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def _end_group(self, child: Child) -> None:
        with contextlib.suppress(OSError):
            os.killpg(child.process.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def _restart_later(self, child: Child, reason: str) -> None:
        now = time.monotonic()
        if now - child.started >= STEADY:
            child.delay = FIRST_DELAY
        self._say(f"{child.name} {reason}; it is started again in {child.delay:g} s")
        heapq.heappush(self._due, (now + child.delay, self._children.index(child)))
        child.delay = min(child.delay * 2, LONGEST_DELAY)

    def _copy(self, number: int, source: IO[bytes]) -> None:
        for line in source:
            self._print(number, line.decode(errors="replace").rstrip("\r\n"))

    def _say(self, finish: str) -> None:
        self._print(None, finish)

    def _print(self, number: int | None, line: str) -> None:
        if self.prefixed:
            names = ["supervisor", *(child.name for child in self._children)]
            name = names[0 if number is None else number + 1].ljust(max(map(len, names)))
            colour = "90" if number is None else COLOURS[number % len(COLOURS)]
            line = f"\033[{colour}m{name} |\033[0m {line}"
        elif number is None:
            line = f"supervisor: {line}"
        # A terminal that went away is no reason to stop.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self.output.write(f"{line}\n")
            self.output.flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        self._guard = subprocess.Popen(  # noqa: S603 - commands of our own
            [sys.executable, "-I", "-S", "-c", GUARD],
            stdin=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()  # type: ignore[union-attr]
            self._guard.wait()

    def _tell_guard(self, line: str) -> None:
        # Without its guard the supervisor still does its work.
        with contextlib.suppress(OSError, ValueError):
            self._guard.stdin.write(f"{line}\n")  # type: ignore[union-attr]

    @contextlib.contextmanager
    def _handling_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: self.stop())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(Supervisor(**json.loads(sys.argv[1])).run())
