"""Repeated requests: a client's `Idempotency-Key`, kept with what the first try recorded.

Whoever speaks for a client (the web application) sets `current` around a request that carries a
key. Every change that the ledger makes meanwhile takes the key in the transaction of its events,
with the orders it told of and their versions. A request that comes again finds its key taken and
gets those orders as of those versions: an answer that is a function of the order is the first
answer again, and nothing but a version has to be kept. A refusal takes no key, so a request that
was refused may be tried again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import orjson

from oms_ledger.eventstore.records import Key
from oms_ledger.orders.refusals import IdempotencyKeyReused


@dataclass
class Attempt:
    """A request under a key. `asked` tells what it asks for, the same whenever it is repeated.

    `who` tells apart those who share an actor, like shoppers: a key is good for one of them.
    """

    key: str
    asked: Callable[[], str]
    changes: int = 0
    replayed: bool = False
    who: str = ""

    def claim(self, account: str, by: str) -> "Claim":
        """The claim of the request's next change: a request may make several, in its own order.

        Clients write what they like into a key, so it is kept as a hash.
        """
        told = f"{by}\0{self.who}\0{self.key}".encode()
        digest = hashlib.sha256(told).hexdigest()[:40]
        return Claim(self, account, f"idempotency:{digest}:{self.changes}")


@dataclass(frozen=True, slots=True)
class Claim:
    attempt: Attempt
    account: str
    name: str

    def key(self, versions: Mapping[str, int]) -> Key:
        """The key to take, standing for the streams of the answer and their versions."""
        told = {"asked": self.attempt.asked(), "versions": versions}
        return Key(self.account, self.name, orjson.dumps(told))

    def done(self, *, replayed: bool = False) -> None:
        self.attempt.changes += 1
        self.attempt.replayed |= replayed

    def first(self, taken: bytes) -> Mapping[str, int]:
        """The streams of the first answer and their versions, if the same was asked then."""
        told = orjson.loads(taken)
        if told["asked"] != self.attempt.asked():
            raise IdempotencyKeyReused(self.attempt.key, told["asked"].rpartition(" ")[0])
        versions: dict[str, int] = told["versions"]
        return versions


current: ContextVar[Attempt | None] = ContextVar("current", default=None)


@contextmanager
def unclaimed() -> Iterator[None]:
    """For what is done once by its own state, whatever key the request carries: changes that go
    along with asking somebody else, whose answer a replay could not bring back."""
    token = current.set(None)
    try:
        yield
    finally:
        current.reset(token)


def belongs_to(who: str) -> None:
    """Say whose request is at hand, where the actor does not."""
    if attempt := current.get():
        attempt.who = who


def is_replayed() -> bool:
    """Whether the request at hand was answered before."""
    attempt = current.get()
    return attempt is not None and attempt.replayed


def claim(account: str, by: str) -> Claim | None:
    """What the request at hand claims for its next change; None when it carries no key."""
    attempt = current.get()
    return attempt.claim(account, by) if attempt else None
