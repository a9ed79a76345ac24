"""NATS JetStream as a destination. A message's `Nats-Msg-Id` holds the event's number.

Each message is acknowledged before the next is sent, so the last one of the stream says how far it
is; what is sent twice within the stream's window of duplicates, JetStream itself passes over.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js.errors import NotFoundError

from oms_ledger.whole_numbers import is_whole
from projections.streams.outgoing import OutgoingStream
from workers.streams.destination import DestinationError
from workers.streams.envelope import OutgoingEvent

T = TypeVar("T")
PATIENCE = 3.0
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


class JetStream:
    """One connection, whose loop runs while it is used."""

    def __init__(self, stream: OutgoingStream) -> None:
        self._stream, self._runner = stream, asyncio.Runner()
        try:
            self._nats = self._run(self._connect())
        except DestinationError:
            self._runner.close()
            raise
        self._jetstream = self._nats.jetstream(timeout=PATIENCE)

    def resume(self, position: int, position_of: Callable[[int], int]) -> int:
        """Where the last message is, if the ledger does not know that it arrived."""
        last = self._run(self._last())
        return max(position, position_of(last))

    def send(self, events: Sequence[OutgoingEvent]) -> None:
        """Publish events; each has to be acknowledged."""
        self._run(self._send(events))

    def close(self) -> None:
        """Close the connection and its loop."""
        try:
            self._run(self._nats.close())
        finally:
            self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(work)
        except (Error, OSError, TimeoutError) as error:
            raise DestinationError(f"{type(error).__name__}: {error}") from None

    async def _connect(self) -> Client:
        async def said(error: Exception) -> None:
            """The call that it concerns fails too."""

        once = {"allow_reconnect": False, "max_reconnect_attempts": 1, "reconnect_time_wait": 0}
        connecting = nats.connect(self._stream.url, connect_timeout=PATIENCE, error_cb=said, **once)
        return await asyncio.wait_for(connecting, PATIENCE)

    async def _last(self) -> int:
        every = f"{self._stream.target}.{_token(self._stream.account)}.>"
        stream = await self._jetstream.find_stream_name_by_subject(every)
        try:
            last = await self._jetstream.get_last_msg(stream, every)
        except NotFoundError:
            return 0
        account, _, number = (last.headers or {}).get("Nats-Msg-Id", "").rpartition(":")
        return int(number) if account == self._stream.account and is_whole(number) else 0

    async def _send(self, events: Sequence[OutgoingEvent]) -> None:
        account = self._stream.account
        for one in events:
            tokens = (self._stream.target, *map(_token, (account, one.order_id, one.name)))
            headers = {
                "Nats-Msg-Id": f"{account}:{one.number}",
                "Content-Type": "application/cloudevents+json",
            }
            await self._jetstream.publish(".".join(tokens), one.body, headers=headers)


def _token(text: str) -> str:
    """A part of a subject, in which a point would begin another."""
    return _NO_TOKEN.sub("_", text)
