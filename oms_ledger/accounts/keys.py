"""App keys: created, labeled, rotated, revoked. A token is known by its hash alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import KeyNotFound, KeyRevokedAlready


@dataclass(frozen=True, slots=True)
class KeyItem:
    """A row of `app_keys`; hashes in hexadecimal digits, instants in microseconds."""

    app_key: str
    role: str
    created_at: int
    label: str | None = None
    token_hash: str = ""
    revoked_at: int | None = None
    previous_hash: str | None = None
    previous_until: int | None = None
    party: str | None = None
    resources: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The app key's name, `vtexappkey-{account}-{six letters}`."""
        return self.app_key


@dataclass(frozen=True, slots=True)
class KeyCreated:
    """`party` as `seller:ID` or `affiliate:ID`: whose orders alone the key opens.

    `resources` are those it has besides its role's; `role` is empty for a key of resources alone.
    """

    app_key: str
    role: str
    party: str | None = None
    label: str | None = None
    token_hash: str = field(default="", metadata={"personal": True})
    resources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyLabeled:
    """Somebody wrote what the key is for; None takes the label away."""

    app_key: str
    label: str | None


@dataclass(frozen=True, slots=True)
class KeyRotated:
    """The key got another token; the one of before opens for so many seconds more."""

    app_key: str
    overlap_seconds: int
    token_hash: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    """The key opens nothing any more, and never will again."""

    app_key: str


KeyEvent = KeyCreated | KeyLabeled | KeyRotated | KeyRevoked


def _created(before: Configuration, event: KeyCreated, at: int) -> Configuration:
    return before.put(
        KeyItem(
            event.app_key,
            event.role,
            at,
            event.label,
            event.token_hash,
            party=event.party,
            resources=tuple(event.resources),
        )
    )


def _labeled(before: Configuration, event: KeyLabeled, at: int) -> Configuration:
    return _changed(before, event.app_key, label=event.label)


def _rotated(before: Configuration, event: KeyRotated, at: int) -> Configuration:
    key = before.get(KeyItem, event.app_key)
    return _changed(
        before,
        event.app_key,
        token_hash=event.token_hash,
        previous_hash=key.token_hash if key else None,
        previous_until=at + event.overlap_seconds * 1_000_000,
    )


def _revoked(before: Configuration, event: KeyRevoked, at: int) -> Configuration:
    return _changed(before, event.app_key, revoked_at=at)


def _changed(before: Configuration, app_key: str, **fields: Any) -> Configuration:
    """A key of before configuration was recorded is not known: it is imported afterwards."""
    key = before.get(KeyItem, app_key)
    return before if key is None else before.put(replace(key, **fields))


APPLIERS: Mapping[type, Applier] = {
    KeyCreated: _created,
    KeyLabeled: _labeled,
    KeyRotated: _rotated,
    KeyRevoked: _revoked,
}


def found(configuration: Configuration, app_key: str) -> KeyItem:
    """The key, revoked or not; `KeyNotFound` where the account has none of that name."""
    key = configuration.get(KeyItem, app_key)
    if key is None:
        raise KeyNotFound(app_key)
    return key


def label_key(configuration: Configuration, app_key: str, label: str | None) -> list[KeyEvent]:
    """Say what a key is for; nothing new where it is labeled so already."""
    return [] if found(configuration, app_key).label == label else [KeyLabeled(app_key, label)]


def rotate_key(
    configuration: Configuration, app_key: str, *, token_hash: str, overlap_seconds: int
) -> list[KeyEvent]:
    """Another token; the present one opens for the overlap. A rotation within another ends the
    oldest token.
    """
    if found(configuration, app_key).revoked_at is not None:
        raise KeyRevokedAlready(app_key)
    return [KeyRotated(app_key, overlap_seconds, token_hash)]


def revoke_key(configuration: Configuration, app_key: str) -> list[KeyEvent]:
    """Nothing new for a key that is revoked already."""
    revoked = found(configuration, app_key).revoked_at is not None
    return [] if revoked else [KeyRevoked(app_key)]
