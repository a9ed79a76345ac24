"""Keys bound to one partner: `seller:ID` or `affiliate:ID`, and what they open.

A bound key opens what its party calls by the published protocols, on orders of that party only.
"""

import re
from dataclasses import dataclass

from oms_ledger.accounts.refusals import InvalidSetting

SELLER, AFFILIATE = "seller", "affiliate"

_PARTY = re.compile(r"(seller):([A-Za-z0-9_-]{1,64})|(affiliate):([B-DF-HJ-NP-TV-Z0-9]{3})")
_ORDER = r"/orders/\{order_id\}"
_ROUTES = {
    SELLER: re.compile(
        rf"((/api/(oms|fulfillment))?/(pvt|pub)|/api/order-system){_ORDER}"
        r"/(invoice.*|cancel|start-handling|changes/\{change_request_id\}/send-agreement)"
    ),
    AFFILIATE: re.compile(
        rf"(/api/fulfillment)?/(pvt|pub)/orders|/api/checkout/pvt/orders"
        rf"|(/api/(oms|fulfillment))?/(pvt|pub){_ORDER}/(fulfill|cancel)"
        rf"|/api/oms/pvt{_ORDER}"
        rf"|/api/checkout/pvt{_ORDER}/receipts/marketplace-order-authorization"
        r"|(/api/(fulfillment|checkout))?/(pvt|pub)/orderForms/simulation"
        r"|/api/order-integration/.*"
        r"|/api/ledger/order-integration/.*"
    ),
}
_READING = re.compile(rf"/api/oms/pvt{_ORDER}")


@dataclass(frozen=True, slots=True)
class Party:
    """A partner that a key is bound to."""

    kind: str
    id: str

    def opens(self, method: str, template: str) -> bool:
        """Whether the party calls this route by its protocol."""
        if method in ("GET", "HEAD") and "{order_id}" in template:
            return _READING.fullmatch(template) is not None
        return _ROUTES[self.kind].fullmatch(template) is not None

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def read_party(text: str) -> Party:
    """The party of a text as it is written on a command line."""
    found = _PARTY.fullmatch(text)
    if found is None:
        raise InvalidSetting(f"party: found {text[:80]!r}, expected seller:ID or affiliate:ID")
    kind, party_id = (part for part in found.groups() if part)
    return Party(kind, party_id)
