"""Who a shopper is: all e-mails and profiles that their orders name together (G34).

A person's profile outlives an e-mail. So a person is known by the profile of any order with the
e-mail, and by every e-mail of an order with such a profile, and so on. The profile of an order is
what the server, a key with `Place Orders` or an import gave: see `services.customers.identity`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from oms_ledger.orders.documents.search_terms import comparable, mailbox
from projections.tables import order_search_terms as o

_FURTHEST = 5  # steps from e-mail to profile to e-mail


@dataclass(frozen=True, slots=True)
class Shopper:
    """A person's e-mails and profile ids, as terms compare them."""

    emails: frozenset[str]
    profiles: frozenset[str]

    def terms(self) -> list[tuple[str, tuple[str, ...]]]:
        """The kinds of search terms that find the person's orders, with the terms of each."""
        kinds = (("mailbox", self.emails), ("profile", self.profiles))
        return [(kind, tuple(sorted(terms))) for kind, terms in kinds if terms]

    def is_of(self, email: Any, profile: Any) -> bool:
        """Whether an order with this e-mail and profile is theirs."""
        written = isinstance(email, str) and mailbox(email) in self.emails
        return written or (isinstance(profile, str) and comparable(profile) in self.profiles)


def known_as(connection: Connection, account: str, email: str) -> Shopper:
    """Everything that orders of the account name together with an e-mail, some steps far."""
    emails, profiles = {mailbox(email)}, set[str]()
    for _ in range(_FURTHEST):
        found = _beside(connection, account, "mailbox", emails, "profile") - profiles
        if not found:
            break
        profiles |= found
        emails |= _beside(connection, account, "profile", profiles, "mailbox")
    return Shopper(frozenset(emails), frozenset(profiles))


def _beside(
    connection: Connection, account: str, kind: str, terms: set[str], wanted: str
) -> set[str]:
    """Terms of the wanted kind of the orders that have one of the terms."""
    orders = select(o.c.order_id).where(
        o.c.account == account, o.c.kind == kind, o.c.term.in_(terms)
    )
    beside = select(o.c.term).where(
        o.c.account == account, o.c.kind == wanted, o.c.order_id.in_(orders)
    )
    return set(connection.execute(beside.distinct()).scalars())
