"""A deployment in little memory, and hostile clients that attack it over real sockets."""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

from sqlalchemy import select

from benchmarks.hostile_requests import request
from oms_ledger.accounts.events import AccountCreated
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.tables import events
from tests.soak.deployment import ACCOUNT, Deployment
from tests.support.configuring import create_key
from tests.support.patience import HANGS
from tests.support.purchases import place

MIB = 1024 * 1024
ADDRESSES = 3 * 1024 * MIB
"""Bytes of address space that each process may map: most of them are stacks and arenas."""

RESIDENT = 512 * MIB
"""Bytes of memory that each process may ever have had."""

OTHER = "other"
HONEST_ORDER = "v1acme-01"

LIMITED = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESSES}, {ADDRESSES}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

Answers = Counter[str]


class Bounded(Deployment):
    """A deployment whose processes have little memory, with an honest account and another."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        super().__init__(folder, database_url, redis_url)
        self.environ["MALLOC_ARENA_MAX"] = "2"

        async def prepared() -> None:
            opened = [AccountCreated(OTHER, "strg")]
            context = CommandContext(OTHER, "test")
            await self.cell.ledger.change_account(context, lambda _: [*opened])
            await place(self.cell.ledger, HONEST_ORDER)
            for number in range(20):
                await place(self.cell.ledger, f"v{number}strg-01", number + 1, OTHER)

        asyncio.run(prepared())
        self.honest = create_key(self.cell, ACCOUNT, "Owner")
        self.other_keys = create_key(self.cell, OTHER, "Owner")

    def command(self, name: str) -> list[str]:
        return [sys.executable, "-c", LIMITED, *super().command(name)[1:]]

    def pids(self, name: str) -> list[int]:
        """The process and what it started, without the children that evaluate expressions."""
        group, found = self.processes[name].pid, []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(") ")[2].split()
                line = (folder / "cmdline").read_bytes()
                if int(stat[2]) == group and b"jsonata" not in line:
                    found.append(int(folder.name))
        return sorted(found)

    def peak(self, name: str) -> int:
        """The most resident bytes that a process of this name ever had."""
        return max(_peak(pid) for pid in self.pids(name))

    def recorded(self) -> Counter[tuple[str, str]]:
        """How many events of each kind each stream's account has."""
        with self.cell.database.snapshot() as connection:
            rows = connection.execute(select(events.c.stream, events.c.name))
            return Counter((stream.partition("/")[0], name) for stream, name in rows)

    def attack(self, requests: Iterable[bytes], at_once: int = 12) -> Answers:
        """Send all, so many at a time, each on a connection of its own; count the answers.

        The honest account reads its order all the while, and is answered, perhaps when it comes
        back after a 503.
        """
        return asyncio.run(self._attack(iter(requests), at_once))

    async def _attack(self, waiting: Iterator[bytes], at_once: int) -> Answers:
        answers, honest = Answers(), Answers()
        async with asyncio.timeout(HANGS):
            reading = asyncio.create_task(self._each(repeat(self.honest_read()), honest))
            await asyncio.gather(*(self._each(waiting, answers) for _ in range(at_once)))
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            while (answer := await self._answer(self.honest_read())) == "503":
                honest[answer] += 1
            honest[answer] += 1
        # A machine that is busy with other tests may be late: then it says to come back.
        assert set(honest) <= {"200", "503"}, honest
        assert honest["503"] <= honest["200"], honest
        return answers

    async def _each(self, waiting: Iterator[bytes], answers: Answers) -> None:
        for one in waiting:
            answers[await self._answer(one)] += 1

    async def _answer(self, content: bytes) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = b""
        try:
            # Who is refused early may find the connection closed before all is sent.
            with contextlib.suppress(OSError):
                writer.write(content)
                head = await reader.read(64 * 1024)
                while await reader.read(64 * 1024):
                    pass
        finally:
            writer.transport.abort()
        status = head[9:12].decode() or "closed"
        if status == "503":
            assert b"retry-after:" in head.lower(), head
        return status

    def slow(self, begun: Iterable[bytes]) -> None:
        """Open a connection for each, bring no more than that, and read beside them."""
        asyncio.run(self._slow(list(begun)))

    async def _slow(self, begun: list[bytes]) -> None:
        writers = []
        async with asyncio.timeout(HANGS):
            try:
                for one in begun:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writers.append(writer)
                    writer.write(one)
                for _ in range(20):
                    assert await self._answer(self.honest_read()) in ("200", "503")
            finally:
                for writer in writers:
                    writer.transport.abort()

    def honest_read(self) -> bytes:
        return request("GET", f"/api/oms/pvt/orders/{HONEST_ORDER}", self.honest)


def _peak(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
