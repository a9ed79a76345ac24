"""The supervisor with real processes: it runs in a process of its own and is listened to."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from workers.runtime.supervisor import Supervisor

PATIENCE = 20.0

RUN = """
import json, sys
from workers.runtime.supervisor import Supervisor
commands, options = json.loads(sys.argv[1])
sys.exit(Supervisor(commands, **options).run())
"""

# Lines go out in one write each, so that two processes do not talk into each other's.
STEADY = "import os, signal; os.write(1, b'up %d\\n' % os.getpid()); signal.pause()"

POLITE = """
import os, signal, sys
def leave(*_):
    os.write(1, b'goodbye\\n')
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
os.write(1, b'up %d\\n' % os.getpid())
signal.pause()
"""

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'no\\n'))
os.write(1, b'up %d\\n' % os.getpid())
while True:
    time.sleep(60)
"""

PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
os.write(1, b'up %d with %d\\n' % (os.getpid(), child.pid))
signal.pause()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


class Running:
    """A supervisor at work, read line by line."""

    def __init__(self, commands: dict[str, list[str]], **options: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps([commands, options])],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.text = ""

    def reads(self, pattern: str) -> re.Match[str]:
        """The first match in what was said and not yet heard; waits for it."""
        assert self.process.stdout
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern + r".*\n", self.text)):
            wait = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], wait)
            read = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            assert read, f"{pattern!r} was never said, only {self.text!r}"
            self.text += read
        self.text = self.text[: match.start()] + self.text[match.end() :]
        return match

    def pid(self, pattern: str = r"up (\d+)") -> int:
        return int(self.reads(pattern)[1])

    def ends(self) -> int:
        return self.process.wait(PATIENCE)


@pytest.fixture
def supervise() -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as stack:

        def start(commands: dict[str, list[str]], **options: object) -> Running:
            running = Running(commands, **options)
            stack.enter_context(running.process)
            stack.callback(running.process.kill)
            return running

        yield start


def gone(pid: int) -> bool:
    """Whether a process ends in good time. One that nobody has buried yet counts as ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if state.stdout.strip().startswith("Z"):
            return True
        time.sleep(0.01)
    return False


def test_a_process_that_is_killed_is_started_again(supervise):
    running = supervise({"web": python(STEADY)})
    first = running.pid()
    os.kill(first, signal.SIGKILL)
    running.reads("web was ended by SIGKILL; it is started again in 0.2 s")
    second = running.pid()
    assert second != first
    os.kill(second, 0)


def test_a_process_that_keeps_failing_is_started_at_growing_intervals(supervise):
    running = supervise({"web": python("raise SystemExit(3)")})
    for delay in ("0.2", "0.4", "0.8"):
        running.reads(re.escape(f"web ended with 3; it is started again in {delay} s"))


def test_a_program_that_is_not_there_is_said(supervise):
    running = supervise({"web": ["/no/such/program"], "worker": python(STEADY)})
    running.reads("/no/such/program")
    running.pid()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_of_them_cleanly(supervise, number):
    running = supervise({"web": python(POLITE), "worker": python(POLITE)})
    children = [running.pid(), running.pid()]
    running.process.send_signal(number)
    running.reads("goodbye")
    running.reads("goodbye")
    assert running.ends() == 0
    assert all(gone(child) for child in children)


def test_a_stop_does_not_wait_out_the_grace(supervise):
    running = supervise({"web": python(POLITE)}, grace=3600)
    running.pid()
    running.process.send_signal(signal.SIGINT)
    assert running.ends() == 0


def test_a_stubborn_process_is_killed_after_the_grace(supervise):
    running = supervise({"web": python(STUBBORN), "worker": python(POLITE)}, grace=0.3)
    children = [running.pid(), running.pid()]
    running.process.send_signal(signal.SIGTERM)
    running.reads("no")
    running.reads("web did not stop in time")
    assert running.ends() == 1
    assert all(gone(child) for child in children)


def test_a_second_interrupt_ends_the_grace(supervise):
    running = supervise({"web": python(STUBBORN)}, grace=3600)
    running.pid()
    running.process.send_signal(signal.SIGINT)
    running.reads("no")
    running.process.send_signal(signal.SIGINT)
    assert running.ends() == 1


def test_children_and_theirs_die_with_a_supervisor_that_is_killed(supervise):
    running = supervise({"web": python(PARENT)})
    child, grandchild = map(int, running.reads(r"up (\d+) with (\d+)").groups())
    running.process.kill()
    assert gone(child)
    assert gone(grandchild)


def test_what_a_killed_process_leaves_behind_ends_before_it_is_started_again(supervise):
    running = supervise({"web": python(PARENT)})
    child, grandchild = map(int, running.reads(r"up (\d+) with (\d+)").groups())
    os.kill(child, signal.SIGKILL)
    running.reads(r"up (\d+) with (\d+)")
    assert gone(grandchild)


def test_lines_carry_the_name_they_come_from(supervise):
    running = supervise({"web": python(STEADY), "projector": python(STEADY)}, prefixed=True)
    running.reads(r"\033\[36mweb        \|\033\[0m up \d+")
    running.reads(r"\033\[33mprojector  \|\033\[0m up \d+")


def test_without_a_terminal_output_passes_through(supervise):
    running = supervise({"web": python(STEADY)})
    assert running.reads(r"(?m)^up (\d+)$")


def test_it_can_be_stopped_from_within(tmp_path):
    supervisor = Supervisor({"web": python(STEADY)}, output=(tmp_path / "out").open("w"))
    supervisor.stop()
    assert supervisor.run() == 0
    assert supervisor.pids() == {}
    supervisor.output.close()
