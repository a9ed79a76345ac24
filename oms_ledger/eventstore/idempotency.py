"""Repeated requests: a client's `Idempotency-Key`, kept with what the first try recorded.

Whoever speaks for a client (the web application) gives a command's context the scope of its
request. Every change that is made with that context takes the key in the transaction of its events,
with the orders it gives and their versions. A request that comes again finds its key taken and
gets those orders as of those versions: an answer that is a function of the order is the first
answer again, and nothing but a version has to be kept. A refusal takes no key, so a request that
was refused may be tried again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from oms_ledger.eventstore.records import Key
from oms_ledger.refusal import IdempotencyKeyReused


@dataclass
class IdempotencyScope:
    """A request under a key. `requested` says what it asks for, the same whenever it is repeated.

    `who` says apart those who share an actor, like shoppers: a key is good for one of them.
    """

    key: str
    requested: Callable[[], str]
    changes: int = 0
    replayed: bool = False
    who: str = ""

    def claim(self, account: str, actor: str) -> "KeyClaim":
        """The claim of the request's next change: a request may make several, in its own order.

        Clients write what they like into a key, so it is kept as a hash.
        """
        fields = f"{actor}\0{self.who}\0{self.key}".encode()
        digest = hashlib.sha256(fields).hexdigest()[:40]
        return KeyClaim(self, account, f"idempotency:{digest}:{self.changes}")


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """What one command claims of an `Idempotency-Key`."""

    attempt: IdempotencyScope
    account: str
    name: str

    def key(self, versions: Mapping[str, int]) -> Key:
        """The key to take, standing for the streams of the answer and their versions."""
        fields = {"fingerprint": self.attempt.requested(), "versions": versions}
        return Key(self.account, self.name, orjson.dumps(fields))

    def done(self, *, replayed: bool = False) -> None:
        """Count a change of the request; `replayed`: it was made before."""
        self.attempt.changes += 1
        self.attempt.replayed |= replayed

    def first(self, taken: bytes) -> Mapping[str, int]:
        """The streams of the first answer and their versions, if the same was requested then."""
        fields = orjson.loads(taken)
        if fields["fingerprint"] != self.attempt.requested():
            raise IdempotencyKeyReused(self.attempt.key, fields["fingerprint"].rpartition(" ")[0])
        versions: dict[str, int] = fields["versions"]
        return versions
