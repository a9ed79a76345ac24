"""Proofs of one order: its events as they are stored, and why they are under an anchor.

A proof is checked with nothing but itself and the public key of who anchors: no database, no
other order. It shows that each event was recorded so, and before the anchor was signed. It cannot
show that the order had no event between the anchor and now.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select

from oms_ledger.eventstore.anchors import MalformedAnchor, SignedAnchor, seals_after, tree_leaf
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.merkle import Range, Tree, path, root_from
from oms_ledger.eventstore.records import RECORDED, RecordedEvent
from oms_ledger.eventstore.store import Store
from oms_ledger.eventstore.tables import events, seals

FORM = "oms-ledger proof 1"


class UnprovableEvent(Exception):
    """The ledger is not what the anchor says, so that nothing can be proved by it."""


class BrokenProof(Exception):
    """A proof does not hold; the text says what of it."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows: these events were recorded before the anchor was signed."""

    anchor: SignedAnchor
    events: tuple[RecordedEvent, ...]


def make_proof(store: Store, stream: str, anchor: SignedAnchor) -> dict[str, Any]:
    """The events of a stream up to an anchor, each with its way to the anchor's root."""
    rows = [row for row in store.stream(stream) if row.position <= anchor.position]
    groups = {
        group["first"]: group for group in (_group(store.database, row.position) for row in rows)
    }
    ways = {one for group in groups.values() for one in path(group["index"], anchor.size)}
    hashes = _hashes(store.database, anchor, ways)
    for group in groups.values():
        group["path"] = [hashes[one].hex() for one in path(group["index"], anchor.size)]
    return {
        "form": FORM,
        "stream": stream,
        "anchor": anchor.fields(),
        "events": [_written(row) for row in rows],
        "groups": list(groups.values()),
    }


def check_proof(proof: Any, public_key: Ed25519PublicKey | None) -> Proved:
    """What a proof shows; raises `BrokenProof`. Without a key, whose the anchor is stays open."""
    try:
        return _checked(proof, public_key)
    except MalformedAnchor as error:
        raise BrokenProof(str(error)) from error
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise BrokenProof("it is not written as the ledger writes proofs") from error


def _checked(proof: Any, public_key: Ed25519PublicKey | None) -> Proved:
    if proof["form"] != FORM:
        raise BrokenProof(f"its form is {proof['form']!r}, expected {FORM!r}")
    anchor = SignedAnchor.read(proof["anchor"])
    if public_key and not anchor.is_signed_by(public_key):
        raise BrokenProof("its anchor is not signed by this key")
    digests = dict[int, bytes]()
    for group in proof["groups"]:
        digests |= _proved_digests(group, anchor)
    rows = [_read(fields, proof["stream"]) for fields in proof["events"]]
    if [row.version for row in rows] != list(range(1, len(rows) + 1)):
        raise BrokenProof("its events are not the first ones of the order, one after the other")
    for row in rows:
        if digests.get(row.position) != row.digest():
            raise BrokenProof(
                f"the event at position {row.position} is not the one that was sealed"
            )
    return Proved(anchor, tuple(rows))


def _proved_digests(group: Any, anchor: SignedAnchor) -> dict[int, bytes]:
    """The digests of a group by position, once the group is shown to be in the tree."""
    digests = [bytes.fromhex(text) for text in group["digests"]]
    seal = hashlib.sha256(bytes.fromhex(group["before"]) + b"".join(digests)).digest()
    hashes = [bytes.fromhex(text) for text in group["path"]]
    sealed = tree_leaf(group["first"] + len(digests) - 1, seal)
    if root_from(sealed, group["index"], anchor.size, hashes) != anchor.root:
        raise BrokenProof(f"the group from position {group['first']} is not under the anchor")
    return {group["first"] + place: digest for place, digest in enumerate(digests)}


def _group(database: Database, position: int) -> dict[str, Any]:
    """The group that sealed a position: its place among all, the seal before, its digests."""
    own = select(seals).where(seals.c.position_to >= position).order_by(seals.c.position_to)
    with database.snapshot() as connection:
        found = connection.execute(own.limit(1)).one()
        before = select(func.count()).where(seals.c.position_to < found.position_from)
        previous = select(seals.c.seal).where(seals.c.position_to == found.position_from - 1)
        covered = (
            select(events.c.digest)
            .where(events.c.position >= found.position_from)
            .where(events.c.position <= found.position_to)
            .order_by(events.c.position)
        )
        return {
            "index": connection.execute(before).scalar_one(),
            "first": found.position_from,
            "before": bytes(connection.execute(previous).scalar_one_or_none() or b"").hex(),
            "digests": [bytes(d).hex() for d in connection.execute(covered).scalars()],
        }


def _hashes(database: Database, anchor: SignedAnchor, wanted: set[Range]) -> dict[Range, bytes]:
    """The hashes of some ranges of the tree under an anchor; raises `UnprovableEvent`."""
    tree, position = Tree(), 0
    tree.seen = dict.fromkeys(wanted)
    while position < anchor.position and (page := seals_after(database, position)):
        for position_to, _, seal in page[: anchor.size - tree.size]:
            tree.add(tree_leaf(position_to, seal))
        position = page[-1][0]
    if tree.root() != anchor.root:
        raise UnprovableEvent(f"the seals up to {anchor.position} are not those of the anchor")
    return {one: value for one, value in tree.seen.items() if value is not None}


def _written(row: RecordedEvent) -> dict[str, Any]:
    """An event as a proof has it: every stored field, bytes in base64."""
    fields = row._asdict()
    del fields["stream"], fields["origin_position"]
    fields["body"] = base64.b64encode(row.body).decode()
    fields["personal"] = row.personal and base64.b64encode(row.personal).decode()
    return fields


def _read(fields: Any, stream: str) -> RecordedEvent:
    personal = fields["personal"]
    given = {name: fields[name] for name in (*RECORDED, "position") if name != "stream"}
    given["body"] = base64.b64decode(fields["body"], validate=True)
    given["personal"] = personal and base64.b64decode(personal, validate=True)
    return RecordedEvent(stream=str(stream), **given)
