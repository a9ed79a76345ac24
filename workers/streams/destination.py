"""Where an outgoing stream goes: what every destination can do."""

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from projections.streams.outgoing import OutgoingStream
from workers.streams.envelope import OutgoingEvent


class DestinationError(Exception):
    """The destination is away, or takes nothing; what it says names no password."""


class Destination(Protocol):
    """An open connection, used by one thread."""

    def resume(self, position: int, position_of: Callable[[int], int]) -> int:
        """After which position to go on, when the ledger knows of `position` that it arrived.

        `position_of` says where the event of a number stands, or the last one before it.
        """

    def send(self, events: Sequence[OutgoingEvent]) -> None:
        """Send events in order; what is there already is not sent twice."""

    def close(self) -> None:
        """Give the connection back."""


def open_destination(stream: OutgoingStream) -> Destination:
    """Connect; the library of a destination is loaded when there is such a stream."""
    if urlsplit(stream.url).scheme in ("nats", "tls"):
        from workers.streams.jetstream import JetStream

        return JetStream(stream)
    from workers.streams.redis_streams import RedisStream

    return RedisStream(stream)
