"""Who came with a key: sign-ins, and credentials that were refused. A stream a day and account.

A stream of its own keeps the account's short, which is loaded often.
"""

from dataclasses import dataclass, field
from datetime import date

CATEGORY = "access"


@dataclass(frozen=True, slots=True)
class KeySignedIn:
    """A key got a user token. `passed_over`: those since the former record that have none."""

    app_key: str
    passed_over: int = 0
    address: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class CredentialsRefused:
    """A wrong token of a key, or a name that nobody has; `app_key` only where it has their form.

    `status` is 401, or 429 for who failed too often.
    """

    app_key: str | None
    status: int
    passed_over: int = 0
    address: str = field(default="", metadata={"personal": True})


AccessEvent = KeySignedIn | CredentialsRefused


def stream_of(account: str, day: date) -> str:
    """The stream of an account's day, in UTC: `{account}/access/2026-11-28`."""
    return f"{account}/{CATEGORY}/{day.isoformat()}"
