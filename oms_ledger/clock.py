"""The one wall clock: a cell holds it, and who needs the time gets it from there.

Pure code is given an instant. What is no time of day is not read here: durations are of
`time.monotonic` or `time.perf_counter`, and a lease ends by the database's own clock.
"""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Give the time of this machine, in the units that are stored and compared."""

    def micros(self) -> int:
        """Microseconds since 1970, as tables keep instants."""
        return time.time_ns() // 1000

    def now(self) -> datetime:
        """The instant in UTC, as the domain takes it."""
        return _EPOCH + timedelta(microseconds=self.micros())

    def seconds(self) -> float:
        """Seconds since 1970, as HTTP headers and tokens have them."""
        return self.micros() / 1_000_000
