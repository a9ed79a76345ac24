"""A message: what an order makes the ledger send to somebody else.

Whoever gets it may get the same message twice: `key` names it within its order for ever, so that
the second time changes nothing. Without a key, the event that led to the message names it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from oms_ledger.orders.events import Json


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """`recipient` is who gets it (`seller:acme`, `gateway`); `body` holds nothing personal.

    What says of a person is read from the order when the message is sent, so that it can be erased.
    With `not_before` it is sent then; else at once.
    """

    recipient: str
    kind: str
    key: str = ""
    body: Json = field(default_factory=dict)
    not_before: datetime | None = None
