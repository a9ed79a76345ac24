"""What came of telling others: only what a person has to look at is worth an event."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """A call has failed for good: the order is in error until it is resumed or skipped."""

    call_id: str
    party: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class CallResumed:
    """Somebody had the call made again, or it came through after all."""

    call_id: str


@dataclass(frozen=True, slots=True)
class CallSkipped:
    """Somebody decided that the call need not be made."""

    call_id: str
    reason: str


CallingEvent = CallFailed | CallResumed | CallSkipped
