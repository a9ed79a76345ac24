"""What tables of offers say at one moment: from memory while it stands, else from one snapshot.

Whoever changes an account's table gives it a new edition, in the same transaction. What was read is
remembered under its edition, so that a memory of any age says what the table says now.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TypeVar

from sqlalchemy import Connection

from oms_ledger.eventstore.database import Database
from oms_ledger.offers.catalog import (
    EVERY_SELLER,
    Delivery,
    KnownAddress,
    Offer,
    PaymentCondition,
    PickupPoint,
)
from oms_ledger.offers.quote import Place, Question
from oms_ledger.offers.table import Reach, Rows
from projections.offers import lookup

T = TypeVar("T")
REMEMBERED = 50_000
_ABSENT = object()


class EditionMoved(Exception):
    """A table changed between two looks at it: what was read first is of another moment."""


class OfferMemory:
    """Rows that were looked up, by account, edition and question; the least used go first."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._known: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> object:
        """What is remembered; a sign of its own where nothing is, for None may be."""
        with self._lock:
            found = self._known.get(key, _ABSENT)
            if found is not _ABSENT:
                self._known.move_to_end(key)
            return found

    def put(self, key: Hashable, value: object) -> None:
        """Remember it; where there is too much, what was not looked at longest goes."""
        with self._lock:
            self._known[key] = value
            if len(self._known) > self._limit:
                self._known.popitem(last=False)


class Sight:
    """Looks at tables of offers; opens one snapshot when memory does not do.

    `editions` are those that the caller has just read, by account. Where a table moved on since,
    `EditionMoved` means to begin again without them.
    """

    def __init__(
        self, database: Database, memory: OfferMemory, editions: Mapping[str, bytes | None]
    ) -> None:
        self._database, self._memory = database, memory
        self._editions = dict(editions)
        self._stack = ExitStack()
        self._snapshot: Connection | None = None

    def __enter__(self) -> "Sight":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def connection(self) -> Connection:
        """The snapshot, in which everything that is not remembered is read."""
        if self._snapshot is None:
            self._snapshot = self._stack.enter_context(self._database.snapshot())
            for account, edition in self._editions.items():
                if lookup.edition(self._snapshot, account) != edition:
                    raise EditionMoved
        return self._snapshot

    def rows_for(self, account: str, question: Question) -> Rows:
        """The rows that may answer the question: its offers, and what delivers to its place."""
        requested = dict.fromkeys((line.sku, line.seller) for line in question.lines)
        sellers = tuple(dict.fromkeys((EVERY_SELLER, *(seller for _, seller in requested))))
        place = question.place
        origin: Sequence[float] = ()
        if place is not None:
            known = None if place.coordinates else self.known_address(account, place)
            origin = place.coordinates or (known.geo_coordinates if known else ())
        return Rows(
            offers=self._offers(account, list(requested)),
            deliveries=() if place is None else self.deliveries_to(account, place, sellers),
            reach=self._reach(account, sellers),
            pickup_points=self._points(account, sellers),
            origin=tuple(origin),
        )

    def known_address(self, account: str, place: Place) -> KnownAddress | None:
        """What the table says of a postal code; None where it says nothing."""
        return self._remembered(
            account, ("address", place), lambda one: lookup.known_address(one, account, place)
        )

    def deliveries_to(
        self, account: str, place: Place, sellers: tuple[str, ...]
    ) -> Sequence[Delivery]:
        """How goods of these sellers come to a place."""
        return self._remembered(
            account,
            ("deliveries", place, sellers),
            lambda one: lookup.deliveries_to(one, account, place, sellers),
        )

    def payment_conditions(self, account: str) -> Sequence[PaymentCondition]:
        """How one may pay in the account, in the table's order."""
        return self._remembered(
            account, "payment", lambda one: tuple(lookup.payment_conditions(one, account))
        )

    def known_sellers(self, account: str, requested: Iterable[str]) -> set[str]:
        """Of these sellers those that the table has offers of."""
        return {seller for seller in requested if self._is_known(account, seller)}

    def _is_known(self, account: str, seller: str) -> bool:
        return self._remembered(
            account,
            ("seller", seller),
            lambda one: bool(lookup.known_sellers(one, account, [seller])),
        )

    def has_any(self, account: str) -> bool:
        """Whether the table has offers at all."""
        return self._remembered(account, "any", lambda one: lookup.has_any(one, account))

    def _reach(self, account: str, sellers: tuple[str, ...]) -> Sequence[Reach]:
        return self._remembered(
            account, ("reach", sellers), lambda one: lookup.reach(one, account, sellers)
        )

    def _points(self, account: str, sellers: tuple[str, ...]) -> Sequence[PickupPoint]:
        return self._remembered(
            account, ("points", sellers), lambda one: lookup.points_of(one, account, sellers)
        )

    def _offers(
        self, account: str, requested: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Offer]:
        """One statement for all that memory lacks; what is not on offer is remembered too."""
        edition = self._edition(account)
        found = {one: self._memory.get((account, edition, "offer", one)) for one in requested}
        lacking = [one for one, offer in found.items() if offer is _ABSENT]
        if lacking:
            read = lookup.offers_of(self.connection, account, lacking)
            for one in lacking:
                found[one] = read.get(one)
                self._memory.put((account, edition, "offer", one), found[one])
        return {one: offer for one, offer in found.items() if isinstance(offer, Offer)}

    def _remembered(self, account: str, name: Hashable, read: Callable[[Connection], T]) -> T:
        key = (account, self._edition(account), name)
        found = self._memory.get(key)
        if found is _ABSENT:
            found = read(self.connection)
            self._memory.put(key, found)
        return found  # type: ignore[return-value]  # what was read by this name is of this type

    def _edition(self, account: str) -> bytes | None:
        if account not in self._editions:
            self._editions[account] = lookup.edition(self.connection, account)
        return self._editions[account]
