"""User tokens: whom a signed text stands for, until when (contract 02 §1).

A token names an app key, whose resources it then has, or a shopper by e-mail. It is signed by the
deployment and bound to one account; nothing about it is stored. It ends by its time, and with what
it was made from: it names the key that issued it and the generation of the key's secret, and when
it was issued, which a "not before" of its account or person is compared with (G65).
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.services.customers.identity import mailbox_hash

LIFETIME = 24 * 3600  # seconds
COOKIE = "VtexIdclientAutCookie"


@dataclass(frozen=True, slots=True)
class UserToken:
    """Whose it is: a shopper (an e-mail), or else the key that issued it.

    `expires` in Unix seconds, `issued_at` in microseconds. `generation` is that of the secret which
    the issuing key came with. A shopper's token without `app_key` was made on the command line.
    """

    account: str
    expires: int
    app_key: str | None = None
    shopper: str | None = None
    generation: str | None = None
    issued_at: int = 0


def issue(encryption: Encryption, token: UserToken) -> str:
    """The token as its holder gets it: its fields and a signature over them."""
    fields = [
        token.account,
        token.expires,
        token.app_key,
        token.shopper,
        token.generation,
        token.issued_at,
    ]
    body = base64.urlsafe_b64encode(orjson.dumps(fields)).decode().rstrip("=")
    signature = encryption.sign(f"user-token:{body}")
    return f"{body}.{signature}"


def read(encryption: Encryption, text: str, now: float) -> UserToken | None:
    """The token that was issued as this text, or None for a forged, foreign or expired one."""
    body, _, signature = text.rpartition(".")
    genuine = encryption.sign(f"user-token:{body}")
    if not body or not hmac.compare_digest(signature.encode(), genuine.encode()):
        return None
    try:
        token = UserToken(*orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (binascii.Error, orjson.JSONDecodeError, TypeError):
        return None
    return token if token.expires > now else None


def is_before(encryption: Encryption, token: UserToken, bounds: Mapping[str, int]) -> bool:
    """Whether the token was issued before its account or its person said "not before".

    `bounds` in microseconds by subject: see `projections.accounts.token_bounds`.
    """
    subjects = [""]
    if token.shopper is not None:
        subjects.append(mailbox_hash(encryption, token.account, token.shopper))
    return any(token.issued_at <= bounds.get(subject, -1) for subject in subjects)


def carried_by_cookie(headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
    """Whether only cookies bring a token: a browser sends them by itself, whoever asks it to."""
    return not carried(headers, {}) and bool(carried({}, cookies))


def carried(headers: Mapping[str, str], cookies: Mapping[str, str]) -> list[str]:
    """The texts that a request may carry its user token by, in the order they are looked at."""
    fields = [value for jar in (headers, cookies) for name, value in jar.items() if _ours(name)]
    for name in ("authorization", "proxy-authorization"):
        scheme, _, value = headers.get(name, "").partition(" ")
        bare = scheme if not value else ""  # as some clients send it
        fields.append(value.strip() if scheme.lower() == "bearer" else bare)
    return [text for text in fields if text]


def _ours(name: str) -> bool:
    name, ours = name.lower(), COOKIE.lower()
    return name == ours or name.startswith(f"{ours}_")
