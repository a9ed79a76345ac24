"""App keys: whose they are, what they may do; their tokens are stored hashed."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from projections.cursors import now_micros
from projections.tables import app_keys as t


@dataclass(frozen=True, slots=True)
class AppKey:
    app_key: str
    account: str
    role: str
    token_hash: bytes
    created_at: int
    revoked_at: int | None

    def opens(self, token: str) -> bool:
        """Whether the token is this key's, compared in constant time."""
        return self.revoked_at is None and hmac.compare_digest(self.token_hash, _hash(token))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def create(connection: Connection, account: str, role: str) -> tuple[str, str]:
    """A new key and its token, which is told this once."""
    app_key = f"vtexappkey-{account}-{secrets.token_hex(3).upper()}"
    token = secrets.token_urlsafe(48)
    connection.execute(
        insert(t).values(
            app_key=app_key,
            account=account,
            role=role,
            token_hash=_hash(token),
            created_at=now_micros(),
        )
    )
    return app_key, token


def get(connection: Connection, app_key: str) -> AppKey | None:
    row = connection.execute(select(t).where(t.c.app_key == app_key)).one_or_none()
    return AppKey(*row) if row else None


def of_account(connection: Connection, account: str | None) -> list[AppKey]:
    query = select(t).order_by(t.c.account, t.c.created_at)
    if account is not None:
        query = query.where(t.c.account == account)
    return [AppKey(*row) for row in connection.execute(query)]


def revoke(connection: Connection, app_key: str) -> bool:
    revoked = update(t).where(t.c.app_key == app_key, t.c.revoked_at.is_(None))
    return connection.execute(revoked.values(revoked_at=now_micros())).rowcount > 0
