"""App keys: whose they are, what they may do; their tokens are stored hashed."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from oms_ledger.accounts.roles import resources_of
from projections.tables import app_keys as t


@dataclass(frozen=True, slots=True)
class AppKey:
    """A row of `app_keys`: SHA-256 of the tokens, instants in microseconds."""

    app_key: str
    account: str
    role: str
    token_hash: bytes
    created_at: int
    revoked_at: int | None
    previous_hash: bytes | None = None
    previous_until: int | None = None
    label: str | None = None
    party: str | None = None
    """`seller:ID` or `affiliate:ID`: whose orders alone it opens; None for the store's own."""
    resources: tuple[str, ...] = ()
    """Those it has besides its role's; `role` is empty for a key of resources alone."""

    @property
    def granted(self) -> frozenset[str]:
        """What it may do."""
        return resources_of(self.role, self.resources)

    def opens(self, token: str, now: int) -> bool:
        """Whether the token is this key's, or while it is rotated the previous one still is."""
        return self.generation_of(token, now) is not None

    def generation_of(self, token: str, now: int) -> str | None:
        """Return the generation of the secret that the token is; None when it opens nothing.

        Compared in constant time. `now` in microseconds.
        """
        hashed = hash_of(token)
        matches = [one for one in self._hashes(now) if hmac.compare_digest(one, hashed)]
        return _generation(matches[0]) if matches else None

    def has_generation(self, generation: str | None, now: int) -> bool:
        """Whether what a secret of this generation made still counts."""
        return generation in [_generation(one) for one in self._hashes(now)]

    def _hashes(self, now: int) -> list[bytes]:
        """The hashes of the secrets that open now: one, or two while the key is rotated."""
        if self.revoked_at is not None:
            return []
        former = self.previous_hash if now < (self.previous_until or 0) else None
        return [self.token_hash, former] if former else [self.token_hash]


def hash_of(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def _generation(hashed: bytes) -> str:
    """What says one secret of a key from another, and nothing of the secret."""
    return hashlib.sha256(b"generation" + hashed).hexdigest()[:16]


def _key(row: Row[Any]) -> AppKey:
    fields = {**row._mapping} | {"resources": tuple(json.loads(row.resources))}
    return AppKey(**fields)


def get(connection: Connection, app_key: str) -> AppKey | None:
    """The key of that name, of whatever account, revoked or not."""
    row = connection.execute(select(t).where(t.c.app_key == app_key)).one_or_none()
    return _key(row) if row else None


def of_account(connection: Connection, account: str | None) -> list[AppKey]:
    """The account's keys, revoked ones too, oldest first; None: those of all accounts."""
    query = select(t).order_by(t.c.account, t.c.created_at)
    if account is not None:
        query = query.where(t.c.account == account)
    return [_key(row) for row in connection.execute(query)]


_LABELS = select(t.c.app_key, t.c.label).where(
    t.c.account == bindparam("account"), t.c.label.is_not(None)
)


def labels(connection: Connection, account: str) -> dict[str, str]:
    """What each key of an account is for, where that is known."""
    found = connection.execute(_LABELS, {"account": account})
    return {app_key: label for app_key, label in found}
