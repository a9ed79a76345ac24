"""Sessions of operators: a random token, known here by its hash alone."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from oms_ledger.eventstore.store import LAST_POSITION
from projections.operators.directory import Operator
from projections.operators.tables import operator_roles, operators
from projections.operators.tables import operator_sessions as t

SECOND = 1_000_000
IDLE = 12 * 3600 * SECOND
LONGEST = 7 * 24 * 3600 * SECOND
SEEN_AFTER = 60 * SECOND  # a session is marked as seen at most once a minute


@dataclass(frozen=True, slots=True)
class Session:
    """A person signed in with a browser; instants in microseconds, `message` is shown once."""

    token_hash: bytes
    operator: str
    created_at: int
    seen_at: int
    verified_at: int
    expires_at: int
    agent: str
    message: str | None


# A row for each role of the operator; one without a role for who has none. Each has the last
# position of the ledger: one statement is one moment.
_OPENED = (
    select(
        *(*t.c, *operators.c, operator_roles.c.account, operator_roles.c.role),
        LAST_POSITION.scalar_subquery(),
    )
    .join_from(t, operators, operators.c.id == t.c.operator)
    .join(operator_roles, operator_roles.c.operator == operators.c.id, isouter=True)
    .where(t.c.token_hash == bindparam("token_hash"))
    .order_by(operator_roles.c.account)
)


def hash_of(token: str) -> bytes:
    """What is stored of a session's token."""
    return hashlib.sha256(token.encode()).digest()


def new_token() -> str:
    """A secret of 256 random bits, in letters of URLs."""
    return secrets.token_urlsafe(32)


def name_of(token_hash: bytes) -> str:
    """What the events call a session: nobody gets in by it."""
    return hashlib.sha256(b"session:" + token_hash).hexdigest()[:32]


def open_session(
    connection: Connection, operator: str, agent: str, now: int, token: str | None = None
) -> str:
    """The token of a new session, the one given if any; sessions that are over are removed."""
    token = token or new_token()
    connection.execute(delete(t).where(t.c.expires_at < now))
    connection.execute(
        insert(t).values(
            token_hash=hash_of(token),
            operator=operator,
            created_at=now,
            seen_at=now,
            verified_at=now,
            expires_at=now + LONGEST,
            agent=agent[:200],
        )
    )
    return token


def get(connection: Connection, token: str, now: int) -> tuple[Session, Operator, int] | None:
    """The session of a token with its operator, unless it is over or was idle for too long.

    And the last position of the ledger, as of the same moment.
    """
    rows = connection.execute(_OPENED, {"token_hash": hash_of(token)}).all()
    if not rows:
        return None
    first, own = rows[0], len(t.c)
    session = Session(*first[:own])
    if session.expires_at < now or session.seen_at + IDLE < now:
        return None
    roles = {account: role for *_, account, role, _position in rows if account is not None}
    values = dict(zip(operators.c.keys(), first[own:-3], strict=True))
    return session, Operator(**values, roles=roles), first[-1]


def mark_seen(connection: Connection, session: Session, now: int) -> None:
    """Note that the person was here at an instant in microseconds."""
    _set(connection, session.token_hash, seen_at=now)


def mark_verified(connection: Connection, token_hash: bytes, now: int) -> None:
    """Note that the person gave the password at an instant in microseconds."""
    _set(connection, token_hash, verified_at=now)


def set_message(connection: Connection, token_hash: bytes, message: str | None) -> None:
    """What the next page says once."""
    _set(connection, token_hash, message=message)


def of_operator(connection: Connection, operator: str, now: int) -> list[Session]:
    """The operator's sessions that have not expired, newest first."""
    query = select(t).where(t.c.operator == operator, t.c.expires_at >= now)
    return [Session(*row) for row in connection.execute(query.order_by(t.c.created_at.desc()))]


def last_seen(connection: Connection, operator: str) -> int | None:
    """When any session of the operator was last used, in microseconds; None without one."""
    query = select(func.max(t.c.seen_at)).where(t.c.operator == operator)
    return connection.execute(query).scalar_one_or_none()


def end(connection: Connection, token_hash: bytes) -> None:
    """Sign a session out; nothing happens where it is gone already."""
    connection.execute(delete(t).where(t.c.token_hash == token_hash))


def end_all(connection: Connection, operator: str, *, but: bytes | None = None) -> int:
    """End the operator's sessions; how many."""
    ended = delete(t).where(t.c.operator == operator)
    if but is not None:
        ended = ended.where(t.c.token_hash != but)
    return connection.execute(ended).rowcount


def _set(connection: Connection, token_hash: bytes, **values: object) -> None:
    connection.execute(update(t).where(t.c.token_hash == token_hash).values(**values))
