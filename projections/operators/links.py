"""One-time links by which an operator sets a password: the first, an invitation, a reset."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from projections.operators.tables import sign_in_links as t

DAY = 24 * 3600 * 1_000_000
VALID = {"first": DAY, "invite": 7 * DAY, "reset": DAY}


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was made; `purpose` is what it is for, instants in microseconds."""

    token_hash: bytes
    operator: str | None
    purpose: str
    account: str | None
    expires_at: int
    used_at: int | None

    def is_open(self, now: int) -> bool:
        """Whether it can be used at an instant in microseconds: once, and in its time."""
        return self.used_at is None and self.expires_at > now


def create(
    connection: Connection,
    purpose: str,
    *,
    operator: str | None,
    account: str | None = None,
    now: int,
) -> str:
    """The secret of a new link; it ends previous links of that purpose and operator."""
    token = secrets.token_urlsafe(24)
    connection.execute(delete(t).where(t.c.expires_at < now - DAY))
    former = delete(t).where(t.c.purpose == purpose, t.c.used_at.is_(None))
    same = t.c.operator.is_(None) if operator is None else t.c.operator == operator
    connection.execute(former.where(same))
    connection.execute(
        insert(t).values(
            token_hash=_hash(token),
            operator=operator,
            purpose=purpose,
            account=account,
            expires_at=now + VALID[purpose],
        )
    )
    return token


def get(connection: Connection, token: str) -> Link | None:
    """The link with that token, used or not; its hash alone is stored."""
    row = connection.execute(select(t).where(t.c.token_hash == _hash(token))).one_or_none()
    return Link(*row) if row else None


def use(connection: Connection, link: Link, now: int) -> bool:
    """Whether the link was still open and is used up now."""
    used = update(t).where(t.c.token_hash == link.token_hash, t.c.used_at.is_(None))
    return connection.execute(used.values(used_at=now)).rowcount > 0


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode()).digest()
