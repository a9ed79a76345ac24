"""A Redis stream as a destination. An entry's id is the event's number.

Redis refuses an id that is not larger than the last, and a page is added by one script, so nothing
is there twice and nothing is left out, whoever sends and however often.
"""

from collections.abc import Callable, Sequence

import redis

from oms_ledger.redis_connection import connect
from projections.streams.outgoing import OutgoingStream
from workers.streams.destination import DestinationError
from workers.streams.envelope import OutgoingEvent

# An entry that is there already is passed over; any other error ends the script at that entry.
_ADD = """
for i = 2, #ARGV, 2 do
  local added
  if ARGV[1] == '0' then
    added = redis.pcall('XADD', KEYS[1], ARGV[i] .. '-0', 'event', ARGV[i + 1])
  else
    added = redis.pcall(
      'XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[i] .. '-0', 'event', ARGV[i + 1])
  end
  local failure = type(added) == 'table' and added.err
  if failure and not string.find(failure, 'equal or smaller', 1, true) then
    return added
  end
end
"""


class RedisStream:
    """The stream's key belongs to the ledger: nobody else adds to it."""

    def __init__(self, stream: OutgoingStream) -> None:
        self._stream = stream
        self._redis = connect(stream.url)
        self._add = self._redis.register_script(_ADD)

    def resume(self, position: int, position_of: Callable[[int], int]) -> int:
        """Where the key's last id is; a server that lost its latest writes gets them again."""
        try:
            if not self._redis.exists(self._stream.target):
                return position
            last = self._redis.xinfo_stream(self._stream.target)["last-generated-id"]
        except (redis.RedisError, OSError) as error:
            raise DestinationError(_said(error)) from None
        return max(self._stream.start, position_of(int(bytes(last).partition(b"-")[0])))

    def send(self, events: Sequence[OutgoingEvent]) -> None:
        """Append events, up to the first that cannot be."""
        given: list[str | int | bytes] = [self._stream.keep]
        for one in events:
            given += [one.number, one.body]
        try:
            self._add(keys=[self._stream.target], args=given)
        except (redis.RedisError, OSError) as error:
            raise DestinationError(_said(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
