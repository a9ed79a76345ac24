"""Looks up how far streams are: what many tasks want to know meanwhile is one statement."""

import asyncio
from collections.abc import Sequence

from oms_ledger.eventstore.store import Store

Wanted = tuple[Sequence[str], "asyncio.Future[dict[str, int]]"]


class VersionReader:
    """May be used from several event loops; each has one look under way at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[asyncio.AbstractEventLoop, list[Wanted]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """The last version of each stream that has one, as the database has it now."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[dict[str, int]] = loop.create_future()
        if loop in self._waiting:
            self._waiting[loop].append((streams, outcome))
        else:
            self._waiting[loop] = [(streams, outcome)]
            looking = loop.create_task(self._look(loop))
            self._looking.add(looking)
            looking.add_done_callback(self._looking.discard)
        return await outcome

    async def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while wanted := self._waiting[loop]:
                self._waiting[loop] = []
                streams = {stream for some, _ in wanted for stream in some}
                try:
                    found = await asyncio.to_thread(self._store.versions, sorted(streams))
                except Exception as error:  # noqa: BLE001 - who waits gets it
                    _settle(wanted, error)
                else:
                    _settle(wanted, found)
        finally:
            del self._waiting[loop]


def _settle(wanted: Sequence[Wanted], found: dict[str, int] | Exception) -> None:
    for streams, outcome in wanted:
        if outcome.done():
            continue
        if isinstance(found, Exception):
            outcome.set_exception(found)
        else:
            outcome.set_result({name: found[name] for name in streams if name in found})
