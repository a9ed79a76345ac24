"""The cookies of a placement: who has one may pay the purchase, process it and look at it.

A placement sets two, and clients send back both or either (contract 05 §1). Each opens the one
purchase that it was set for, and ends by itself: five minutes are for payment and processing, the
rest of the hour is for the page that says what was ordered. Nothing about them is stored.
"""

import base64
import hmac
from collections.abc import Mapping

from oms_ledger.cell import Cell
from oms_ledger.orders.order import Order

AUTH, DATA = "Vtex_CHKO_Auth", "CheckoutDataAccess"
_INNER = "VTEX_CHK_Order_Auth="  # stands before the value of the second, and belongs to it
LIFETIME = 3600  # seconds


def headers(cell: Cell, order: Order, *, secure: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that hand the cookies of an order's purchase to its client.

    `secure` says that the request came by https; a jar on plain http would never send a secure
    cookie back.
    """
    account, group = order.account, order.placed.order_group
    expires = int(order.created_at.timestamp()) + LIFETIME
    attributes = f"path=/; max-age={LIFETIME}; httponly; samesite=lax"
    attributes += "; secure" if secure else ""
    values = (
        (AUTH, _value(cell, AUTH, account, group, expires)),
        (DATA, _INNER + _value(cell, DATA, account, group, expires)),
    )
    return [(b"set-cookie", f"{name}={value}; {attributes}".encode()) for name, value in values]


def carried(cookies: Mapping[str, str]) -> bool:
    """Whether a request has a placement's cookie, good or bad."""
    return bool(cookies.get(AUTH) or cookies.get(DATA))


def opens(
    cell: Cell, cookies: Mapping[str, str], account: str, group: str, not_before: int = -1
) -> bool:
    """Whether one of the cookies was set for this purchase and still counts.

    `not_before` in microseconds: of the account, as for its tokens.
    """
    now = cell.clock.now().timestamp()
    for name in (AUTH, DATA):
        sent = cookies.get(name, "").strip('"').removeprefix(_INNER).rstrip("=")
        expires = _expires(sent)
        if expires is None or not now < expires <= now + LIFETIME + 60:
            continue
        genuine = _value(cell, name, account, group, expires).rstrip("=")
        if hmac.compare_digest(sent.encode(), genuine.encode()):
            return (expires - LIFETIME) * 1_000_000 > not_before
    return False


def _value(cell: Cell, name: str, account: str, group: str, expires: int) -> str:
    """20 bytes as base64, which ends in exactly one `=`: clients cut the cookie there."""
    signed = bytes.fromhex(cell.encryption.sign(f"cookie:{name}:{account}:{group}:{expires}"))
    return base64.b64encode(expires.to_bytes(4, "big") + signed).decode()


def _expires(sent: str) -> int | None:
    try:
        return int.from_bytes(base64.b64decode(sent + "=", validate=True)[:4], "big")
    except ValueError:
        return None
