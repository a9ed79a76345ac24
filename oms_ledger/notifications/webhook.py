"""The notification a hook gets, its signature, and the waits between attempts (contract 04 §6)."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from oms_ledger.notifications.channel import WEBHOOK

LONGEST_WAIT = WEBHOOK.retry.longest

PING = json.dumps({"hookConfig": "ping"})


class Change(Protocol):
    """What a notification says; instants in microseconds since 1970 UTC."""

    @property
    def order_id(self) -> str:
        """Whose change it is."""

    @property
    def domain(self) -> str | None:
        """`Marketplace` or `Fulfillment`; None of an order without a workflow."""

    @property
    def state(self) -> str | None:
        """The status after the event."""

    @property
    def last_state(self) -> str | None:
        """The status before it."""

    @property
    def last_change(self) -> int:
        """Microseconds: the instant of the change of status before."""

    @property
    def current_change(self) -> int:
        """Microseconds: the instant of the event."""


def instant_text(micros: int) -> str:
    """ISO 8601 in UTC with seven fraction digits, as feeds and hooks write instants."""
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros % 1_000_000:06d}0Z"


def notification_body(account: str, app_key: str, change: Change) -> str:
    """The JSON that a hook gets, with the field names of the Order Hook."""
    return json.dumps(
        {
            "Domain": change.domain,
            "OrderId": change.order_id,
            "State": change.state,
            "LastState": change.last_state,
            "LastChange": instant_text(change.last_change),
            "CurrentChange": instant_text(change.current_change),
            "Origin": {"Account": account, "Key": app_key},
        }
    )


def retry_after(value: str, now: float) -> float | None:
    """The seconds that a Retry-After header asks for, at most 6 h; None when it cannot be read.

    It is written as seconds or as an instant (RFC 9110 §10.2.3); `now` in seconds since 1970.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
    else:
        try:
            instant = parsedate_to_datetime(value)
        except (ValueError, IndexError, OverflowError):
            return None
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        seconds = instant.timestamp() - now
    return max(0.0, min(seconds, LONGEST_WAIT.total_seconds()))


# Names of headers that would say something else than we do, or of the connection.
_OF_SENDER = re.compile(
    r"webhook-.*|proxy-.*|content-length|expect|host|connection|keep-alive"
    r"|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)
_OF_HOOKS = re.compile(r"x-hook-.*|content-type", re.IGNORECASE)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")


def is_header_name(name: str) -> bool:
    """Whether HTTP lets a header have this name, of at most 256 characters."""
    return _NAME.fullmatch(name) is not None


def is_of_sender(name: str) -> bool:
    """Whether a header of this name is set by whoever sends a request, and by nobody else."""
    return _OF_SENDER.fullmatch(name.strip()) is not None


def is_reserved(name: str) -> bool:
    """Whether a hook's own headers may not have this name."""
    return is_of_sender(name) or _OF_HOOKS.fullmatch(name.strip()) is not None


def signature_headers(secrets: Sequence[str], event_id: str, at: int, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks, one signature a secret; `at` in whole seconds."""
    content = f"{event_id}.{at}.{body}".encode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()
