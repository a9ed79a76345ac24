"""Channels of the outbox as data: how messages to a kind of recipient are tried, and given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryCurve:
    """Waits between attempts: `first`, then `growth` times as long each, at most `longest`.

    `jitter` is the share by which a wait may be shorter or longer.
    """

    first: timedelta
    growth: int
    longest: timedelta
    jitter: float = 0.1

    def wait(self, attempts: int, chance: float) -> timedelta:
        """Say how long to wait after so many failed attempts; `chance` in 0…1 spreads it."""
        wait = min(self.first * self.growth ** min(max(attempts, 1) - 1, 20), self.longest)
        spread: timedelta = wait * (1 + self.jitter * (2 * chance - 1))
        return spread


@dataclass(frozen=True, slots=True)
class Circuit:
    """After so many unanswered attempts in a row a recipient is left in peace for a while."""

    failures: int
    pause: timedelta


@dataclass(frozen=True, slots=True)
class Room:
    """How many messages may be in flight: to recipients that answered last, to those that never
    were tried, and to those that did not answer last; and to one recipient that answers.

    A recipient that did not answer last, or never was tried, gets one at a time.
    """

    answering: int = 32
    untried: int = 16
    failing: int = 16
    recipient: int = 16


@dataclass(frozen=True, slots=True)
class Channel:
    """`deadline`: how long a message is tried, None where the sender counts its attempts.

    `dead_blocks`: whether a dead message keeps later ones of its ordering key waiting.
    `keeps_delivered`: whether a delivered message stays, so that it is not produced again.
    `by_recipient`: whether who sends claims a recipient with all that waits for it, by a lease, and
    not one message after the other: for recipients that get many, in turns of their own.
    """

    name: str
    retry: RetryCurve = RetryCurve(timedelta(seconds=5), 3, timedelta(hours=1))
    deadline: timedelta | None = timedelta(days=3)
    room: Room = Room()
    circuit: Circuit | None = Circuit(20, timedelta(seconds=30))
    dead_blocks: bool = False
    keeps_delivered: bool = True
    by_recipient: bool = False
    timeout: timedelta = timedelta(seconds=45)


_OF_PARTNERS = Circuit(20, timedelta(minutes=1))
PARTNER = Channel("partner", circuit=_OF_PARTNERS, dead_blocks=True)
GATEWAY = Channel("gateway", room=Room(untried=8, failing=8), dead_blocks=True)
# What an order has the ledger itself do: go on with a change, evaluate buying policies.
INTERNAL = Channel("internal", room=Room(recipient=32), circuit=None, dead_blocks=True)
# A trigger says by itself how often it is tried, and when.
TRIGGER = Channel(
    "trigger",
    RetryCurve(timedelta(0), 1, timedelta(0)),
    deadline=None,
    room=Room(answering=16, untried=8, failing=8, recipient=4),
    circuit=None,
)
# What connectors asked for: orders that are placed and approved when their turn comes.
INTEGRATION = Channel(
    "integration",
    RetryCurve(timedelta(seconds=5), 3, timedelta(seconds=45)),
    deadline=None,
    room=Room(recipient=32),
    circuit=None,
)
# What became of it, sent to them.
CONNECTOR = Channel("connector", circuit=_OF_PARTNERS)
# Mails to customers; the mail server is the same for all of an account's.
MAIL = Channel(
    "mail",
    RetryCurve(timedelta(minutes=1), 3, timedelta(hours=6)),
    room=Room(answering=16, untried=4, failing=4),
)
CUSTOMER, CUSTOMER_LATER = "customer", "customer-later"
"""Recipients of mails; what is to be said later keeps nothing else waiting."""
# Notifications to hooks (decision 0017).
WEBHOOK = Channel(
    "webhook",
    RetryCurve(timedelta(seconds=5), 3, timedelta(hours=6)),
    room=Room(answering=4096, untried=4096, failing=4096, recipient=64),
    keeps_delivered=False,
    by_recipient=True,
    timeout=timedelta(seconds=5),
)

CHANNELS: Mapping[str, Channel] = {
    channel.name: channel
    for channel in (PARTNER, GATEWAY, INTERNAL, TRIGGER, INTEGRATION, CONNECTOR, MAIL, WEBHOOK)
}
BY_MESSAGE = tuple(channel for channel in CHANNELS.values() if not channel.by_recipient)
"""Those whose messages are claimed one by one, and shown as messages of the outbox."""


def channel_of(recipient: str) -> Channel:
    """Find the channel of a recipient of an order's messages: `seller:acme`, `gateway`, …"""
    if ":" in recipient:
        return PARTNER
    if recipient in (CUSTOMER, CUSTOMER_LATER):
        return MAIL
    return GATEWAY if recipient == "gateway" else INTERNAL
