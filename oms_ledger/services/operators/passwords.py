"""Passwords: what is allowed, and their hashes by argon2id."""

import threading
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from oms_ledger.refusal import Refusal

SHORTEST, LONGEST = 12, 256
_AT_ONCE = threading.BoundedSemaphore(2)  # hashes: guessing must cost other requests little
_hasher = PasswordHasher()


class PasswordRefused(Refusal):
    """400: the password is too short, too long, or one of the common ones."""

    status, text = 400, "{0}"


@cache
def _common() -> frozenset[str]:
    text = files("oms_ledger.services.operators").joinpath("common_passwords.txt")
    return frozenset(text.read_text("utf-8").split())


def require_good(password: str, email: str) -> None:
    """Refuse what is too short, too long, the e-mail, or among the most common ones."""
    if len(password) < SHORTEST:
        raise PasswordRefused(f"Password: found {len(password)} characters, expected {SHORTEST}")
    if len(password) > LONGEST:
        raise PasswordRefused(f"Password: expected at most {LONGEST} characters")
    plain = password.casefold()
    if plain in (email.casefold(), email.casefold().partition("@")[0]):
        raise PasswordRefused("Password: expected another text than the e-mail")
    if plain in _common() or len(set(plain)) < 4:
        raise PasswordRefused("Password: found one of the most common ones, expected another")


def hash_password(password: str) -> str:
    """The Argon2 hash of a password; few are made at a time, because each takes much memory."""
    with _AT_ONCE:
        return _hasher.hash(password)


@cache
def _dummy() -> str:
    return _hasher.hash("nobody has this password")


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; takes as long where there is none."""
    with _AT_ONCE:
        try:
            right = _hasher.verify(password_hash or _dummy(), password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return right and password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made by weaker parameters than those of today."""
    return _hasher.check_needs_rehash(password_hash)
