"""User tokens: whom a signed text stands for, until when (contract 02 §1).

A token names an app key, whose resources it then has, or a shopper by e-mail. It is signed by the
deployment and bound to one account; nothing about it is stored, so it ends by its time alone. A
key that is revoked takes its tokens along, because the key is looked at each time.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from oms_ledger.eventstore.encryption import Vault

LIFETIME = 24 * 3600  # seconds
COOKIE = "VtexIdclientAutCookie"


@dataclass(frozen=True, slots=True)
class UserToken:
    """Whose it is: one of `app_key` and `shopper` (an e-mail); `expires` in Unix seconds."""

    account: str
    expires: int
    app_key: str | None = None
    shopper: str | None = None


def issue(vault: Vault, token: UserToken) -> str:
    told = [token.account, token.expires, token.app_key, token.shopper]
    body = base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")
    return f"{body}.{vault.sign(f'user-token:{body}')}"


def read(vault: Vault, text: str, now: float) -> UserToken | None:
    """The token that was issued as this text, or None for a forged, foreign or expired one."""
    body, _, signature = text.rpartition(".")
    genuine = vault.sign(f"user-token:{body}")
    if not body or not hmac.compare_digest(signature.encode(), genuine.encode()):
        return None
    try:
        token = UserToken(*orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (binascii.Error, orjson.JSONDecodeError, TypeError):
        return None
    return token if token.expires > now else None


def carried(headers: Mapping[str, str], cookies: Mapping[str, str]) -> list[str]:
    """The texts that a request may carry its user token by, in the order they are looked at."""
    told = [value for jar in (headers, cookies) for name, value in jar.items() if _ours(name)]
    for name in ("authorization", "proxy-authorization"):
        scheme, _, value = headers.get(name, "").partition(" ")
        told.append(value.strip() if scheme.lower() == "bearer" else "")
    return [text for text in told if text]


def _ours(name: str) -> bool:
    name, ours = name.lower(), COOKIE.lower()
    return name == ours or name.startswith(f"{ours}_")
