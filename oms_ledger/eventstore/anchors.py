"""Anchors: what the ledger was at a moment, signed by a key that writes no events (G67).

An anchor names a position, its seal and the root of a hash tree over all seals up to there. Kept
elsewhere it shows a tail that was cut and a chain that was made anew, and the events of one order
are proved by it without the rest of the ledger.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from sqlalchemy import Row, delete, insert, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.merkle import HASH_BYTES, Tree
from oms_ledger.eventstore.records import instant, micros
from oms_ledger.eventstore.tables import anchors, seals

SEALS_AT_ONCE = 10_000


class UnusableSealKey(Exception):
    """A file does not hold the Ed25519 key that is wanted of it."""


class MalformedAnchor(ValueError):
    """A text is no anchor that `oms-ledger seal` wrote."""


@dataclass(frozen=True, slots=True)
class SignedAnchor:
    """A position, its seal, the tree over `size` seals up to there, and who says so since when."""

    position: int
    seal: bytes
    size: int
    root: bytes
    at: datetime
    key: str
    signature: bytes
    time_stamp: bytes | None = None

    def statement(self) -> bytes:
        """The text that is signed and time-stamped."""
        return (
            f"oms-ledger anchor 1\nposition {self.position}\nseal {self.seal.hex()}\n"
            f"size {self.size}\nroot {self.root.hex()}\nat {self.at.isoformat()}\nkey {self.key}\n"
        ).encode()

    def is_signed_by(self, public_key: Ed25519PublicKey) -> bool:
        """Whether the anchor names this key and its signature holds."""
        if self.key != key_id(public_key):
            return False
        try:
            public_key.verify(self.signature, self.statement())
        except InvalidSignature:
            return False
        return True

    def stamped(self, token: bytes) -> "SignedAnchor":
        """The anchor with a time stamp (DER of RFC 3161) besides."""
        return replace(self, time_stamp=token)

    def fields(self) -> dict[str, Any]:
        """The anchor as JSON shows it."""
        stamp = self.time_stamp and base64.b64encode(self.time_stamp).decode()
        return {
            "position": self.position,
            "seal": self.seal.hex(),
            "size": self.size,
            "root": self.root.hex(),
            "at": self.at.isoformat(),
            "key": self.key,
            "signature": base64.b64encode(self.signature).decode(),
            "timeStamp": stamp,
        }

    @staticmethod
    def read(fields: Any) -> "SignedAnchor":
        """Raises `MalformedAnchor` for what `fields` would not have made."""
        try:
            stamp = fields["timeStamp"]
            read = SignedAnchor(
                position=int(fields["position"]),
                seal=bytes.fromhex(fields["seal"]),
                size=int(fields["size"]),
                root=bytes.fromhex(fields["root"]),
                at=datetime.fromisoformat(fields["at"]),
                key=str(fields["key"]),
                signature=base64.b64decode(fields["signature"], validate=True),
                time_stamp=stamp and base64.b64decode(stamp, validate=True),
            )
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise MalformedAnchor("this is no anchor of a ledger") from error
        if read.fields() != fields:
            raise MalformedAnchor("this anchor is not written as the ledger writes them")
        return read


def key_id(public_key: Ed25519PublicKey) -> str:
    """16 hex digits that name a public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The key that signs, in PEM, as `openssl genpkey -algorithm ed25519` writes it."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UnusableSealKey(f"{path} is not readable: {type(error).__name__}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableSealKey(f"{path} holds another key than an Ed25519 private key")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The key that checks, in PEM, as `openssl pkey -pubout` writes it."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableSealKey(f"{path} is not readable: {type(error).__name__}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UnusableSealKey(f"{path} holds another key than an Ed25519 public key")
    return key


def sign(
    database: Database, private_key: Ed25519PrivateKey, at: datetime
) -> tuple[SignedAnchor, Tree] | None:
    """Anchor the ledger as it stands, signed and not yet kept; None before the first event.

    The tree goes on from the newest anchor, so that this costs what was appended since.
    """
    tree, position, seal = Tree(), 0, b""
    before = newest(database)
    if before and (grown := _tree_of(database, before)):
        tree, position, seal = grown, before.position, before.seal
    while found := seals_after(database, position):
        for position_to, _, value in found:
            tree.add(tree_leaf(position_to, value))
            position, seal = position_to, value
    if not position:
        return None
    key, at = key_id(private_key.public_key()), at.astimezone(UTC)
    unsigned = SignedAnchor(position, seal, tree.size, tree.root(), at, key, b"")
    return replace(unsigned, signature=private_key.sign(unsigned.statement())), tree


def tree_leaf(position_to: int, seal: bytes) -> bytes:
    """What stands for a group in the tree: its last position and its seal."""
    return position_to.to_bytes(8, "big") + seal


def keep(database: Database, anchor: SignedAnchor, tree: Tree) -> None:
    """Store an anchor with the peaks of its tree, in place of one at the same position."""
    row = {
        "position": anchor.position,
        "seal": anchor.seal,
        "size": anchor.size,
        "root": anchor.root,
        "peaks": b"".join(tree.peaks),
        "at": micros(anchor.at),
        "key": anchor.key,
        "signature": anchor.signature,
        "time_stamp": anchor.time_stamp,
    }
    with database.writing() as connection:
        connection.execute(delete(anchors).where(anchors.c.position == anchor.position))
        connection.execute(insert(anchors).values(row))


def newest(database: Database) -> SignedAnchor | None:
    """The anchor of the highest position that is kept."""
    query = select(anchors).order_by(anchors.c.position.desc()).limit(1)
    with database.reading() as connection:
        row = connection.execute(query).one_or_none()
    return _anchor(row) if row else None


def kept(database: Database) -> list[SignedAnchor]:
    """Every anchor that is kept, by position."""
    with database.reading() as connection:
        found = connection.execute(select(anchors).order_by(anchors.c.position))
        return [_anchor(row) for row in found]


def seals_after(
    database: Database, position: int, limit: int = SEALS_AT_ONCE
) -> list[tuple[int, int, bytes]]:
    """Last position, first position and value of the seals after a position."""
    query = (
        select(seals.c.position_to, seals.c.position_from, seals.c.seal)
        .where(seals.c.position_to > position)
        .order_by(seals.c.position_to)
        .limit(limit)
    )
    with database.reading() as connection:
        return [(to, from_, bytes(seal)) for to, from_, seal in connection.execute(query)]


def _anchor(row: Row[Any]) -> SignedAnchor:
    return SignedAnchor(
        position=row.position,
        seal=bytes(row.seal),
        size=row.size,
        root=bytes(row.root),
        at=instant(row.at),
        key=row.key,
        signature=bytes(row.signature),
        time_stamp=row.time_stamp and bytes(row.time_stamp),
    )


def _tree_of(database: Database, anchor: SignedAnchor) -> Tree | None:
    """The tree that an anchor was made of; None where its peaks are not kept as they were."""
    query = select(anchors.c.peaks).where(anchors.c.position == anchor.position)
    with database.reading() as connection:
        peaks = bytes(connection.execute(query).scalar_one())
    parts = [peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)]
    if anchor.size.bit_count() != len(parts):
        return None
    tree = Tree(anchor.size, parts)
    return tree if tree.root() == anchor.root else None
