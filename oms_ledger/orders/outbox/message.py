"""A call: what an order makes the ledger tell somebody else, and how long it keeps trying.

Whoever is called may hear the same call twice: `key` names it within its order for ever, so that
the second time changes nothing. Without a key, the event that led to the call names it.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from oms_ledger.orders.events import Json

GIVEN_UP_AFTER = timedelta(days=3)
_FIRST_WAIT, _GROWTH, _LONGEST_WAIT = 5.0, 3, 3600.0


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """`recipient` is who gets it (`seller:acme`, `gateway`); `body` holds nothing personal.

    What says of a person is read from the order when the call is made, so that it can be erased.
    """

    recipient: str
    kind: str
    key: str = ""
    body: Json = field(default_factory=dict)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 s, then three times as long, at most an hour."""
    return timedelta(seconds=min(_FIRST_WAIT * _GROWTH ** min(attempts - 1, 9), _LONGEST_WAIT))
