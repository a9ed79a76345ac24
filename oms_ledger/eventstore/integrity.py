"""Walks the chain of seals: the first position whose stored bytes do not agree is named (G8)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from oms_ledger.eventstore.anchors import SignedAnchor, seals_after, tree_leaf
from oms_ledger.eventstore.merkle import Tree
from oms_ledger.eventstore.store import Store
from oms_ledger.eventstore.tables import events, seals


class IntegrityError(Exception):
    """The ledger is not what was sealed; the first argument is the first position in doubt."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(position, why)
        self.position = position
        self.reason = why


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position and its seal: kept elsewhere, it fixes every event up to there."""

    position: int
    seal: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.seal.hex()}"

    @staticmethod
    def parse(written: str) -> "Anchor":
        """Raises `ValueError` for what `str` would not have written."""
        position, _, text = written.strip().partition(":")
        seal = bytes.fromhex(text)
        if len(seal) != hashlib.sha256().digest_size:
            raise ValueError(written)
        return Anchor(int(position), seal)


@dataclass
class Walk:
    """How far the chain was walked: enough to go on from there in another process."""

    sealed_to: int = 0
    previous: bytes = b""
    tree: Tree = field(default_factory=Tree)


def latest(store: Store) -> Anchor | None:
    """The last seal; None before the first event."""
    query = select(seals.c.position_to, seals.c.seal).order_by(seals.c.position_to.desc()).limit(1)
    with store.database.reading() as connection:
        row = connection.execute(query).one_or_none()
    return Anchor(row.position_to, bytes(row.seal)) if row else None


def verify(
    store: Store,
    head: int,
    chunk: int = 1000,
    expected: Anchor | None = None,
    anchors: Sequence[Anchor | SignedAnchor] = (),
    walk: Walk | None = None,
) -> Iterator[int]:
    """Yields the position up to which the chain holds, as it goes; raises `IntegrityError`.

    `expected` and `anchors` are what the chain was sealed with at a position once: who can write
    the database can seal other events, but not to the same value. Whose `anchors` are is for the
    caller to know. A `walk` that was begun before goes on where it stands.
    """
    walk = walk or Walk()
    known: list[Anchor | SignedAnchor] = [*((expected,) if expected else ()), *anchors]
    known.sort(key=lambda one: one.position, reverse=True)
    if known and known[0].position > head:
        raise IntegrityError(head + 1, f"events up to {known[0].position} are missing")
    known = [one for one in known if one.position > walk.sealed_to]
    previous, sealed_to, tree = walk.previous, walk.sealed_to, walk.tree
    while sealed_to < head:
        found = seals_after(store.database, sealed_to, chunk)
        if not found:
            raise IntegrityError(sealed_to + 1, "these events were never sealed")
        digests = _digests(store, sealed_to, found[-1][0])
        for position_to, position_from, seal in found:
            if position_from != sealed_to + 1:
                raise IntegrityError(sealed_to + 1, "a seal is missing")
            covered = []
            for position in range(position_from, position_to + 1):
                if position not in digests:
                    raise IntegrityError(position, "the event is missing")
                covered.append(digests[position])
            if hashlib.sha256(previous + b"".join(covered)).digest() != seal:
                raise IntegrityError(
                    position_from, f"seal of {position_from}-{position_to} differs"
                )
            previous, sealed_to = seal, position_to
            tree.add(tree_leaf(position_to, seal))
            while known and known[-1].position <= position_to:
                _require(known.pop(), Anchor(position_to, seal), tree)
        walk.previous, walk.sealed_to = previous, sealed_to
        yield sealed_to


def _require(expected: Anchor | SignedAnchor, found: Anchor, tree: Tree) -> None:
    if found.position != expected.position:
        raise IntegrityError(expected.position, "no seal ends here, as one did")
    same = found.seal == expected.seal
    if same and isinstance(expected, SignedAnchor):
        same = (tree.size, tree.root()) == (expected.size, expected.root)
    if not same:
        raise IntegrityError(
            expected.position, "the chain up to here is not the one that was sealed then"
        )


def _digests(store: Store, after: int, until: int) -> dict[int, bytes]:
    """Digests computed again; where one differs from the stored one, that event was changed."""
    digests: dict[int, bytes] = {}
    query = select(events.c.position, events.c.digest).where(
        events.c.position > after, events.c.position <= until
    )
    with store.database.reading() as connection:
        stored = {position: bytes(digest) for position, digest in connection.execute(query)}
    at = after
    while at < until and (rows := store.page(at, min(500, until - at))):
        for row in rows:
            clean = row._replace(body=bytes(row.body), personal=_bytes(row.personal))
            digests[row.position] = clean.digest()
            if digests[row.position] != stored.get(row.position):
                raise IntegrityError(row.position, "the event was changed")
        at = rows[-1].position
    return digests


def _bytes(stored: bytes | None) -> bytes | None:
    return None if stored is None else bytes(stored)
