"""Outcomes of outbox messages: only what a person has to look at is worth an event."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessageFailed:
    """A message has failed for good: the order is in error until it is resumed or skipped."""

    message_id: str
    recipient: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class OutboxMessageResumed:
    """Somebody had the message sent again, or it was delivered after all."""

    message_id: str


@dataclass(frozen=True, slots=True)
class OutboxMessageSkipped:
    """Somebody decided that the message need not be sent."""

    message_id: str
    reason: str


OutboxEvent = OutboxMessageFailed | OutboxMessageResumed | OutboxMessageSkipped
