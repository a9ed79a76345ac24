"""Asks each seller's source for its lines, and puts the answers together in one quote."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.partners import are_partners
from oms_ledger.carts.cart import KeptQuote
from oms_ledger.carts.documents.paying import well_known_conditions
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.offers.catalog import OWN_SELLER, PaymentCondition
from oms_ledger.offers.quote import Availability, LineInput, LineQuote, Question
from oms_ledger.offers.table import quote_lines
from oms_ledger.services.offers.http_source import HttpSources, Source
from projections.accounts import sellers
from projections.offers import lookup, rows

FRESH = timedelta(minutes=15)  # that an answer over HTTP holds, unless it says shorter


@dataclass(frozen=True, slots=True)
class Quoted:
    """One quote per line. `kept` is what to remember of sources that are asked over HTTP."""

    lines: tuple[LineQuote, ...]
    kept: KeptQuote | None
    silent_seller: str | None = None
    """A seller whose source did not answer now."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The lines of one source: their places in the question, and how the source knows them."""

    places: tuple[int, ...]
    question: Question
    source: Source | None = None
    table_of: str | None = None
    """The account whose table answers; without it and without `source` nothing is on offer."""


class OfferSources:
    """The offers of every account of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._http = HttpSources(cell.settings.networks_of)

    def close(self) -> None:
        self._http.close()

    def conditions(self, connection: Connection, account: str) -> list[PaymentCondition]:
        """How one may pay: as was loaded, else every well-known system at once."""
        return lookup.payment_conditions(connection, account) or well_known_conditions()

    def account(self, name: str) -> Account | None:
        """An account of this deployment; None when there is none of that name."""
        ledger = self.cell.ledger
        state = ledger.loader.load(order_stream(name, "")).state
        return state if isinstance(state, Account) else None

    def partner(self, account: Account, name: str) -> Account | None:
        """An account that is a partner of this one; None for any other, there or not."""
        other = self.account(name)
        known = other is not None and are_partners(account, other, self.cell.settings.partners)
        return other if known else None

    def is_known_seller(self, connection: Connection, account: str, seller: str) -> bool:
        """Whether a seller has rows in the account's table, or an address outside."""
        if lookup.known_sellers(connection, account, [seller]):
            return True
        return seller in sellers.outside(connection, account)

    def quote(
        self,
        connection: Connection,
        account: Account,
        question: Question,
        *,
        kept: KeptQuote | None = None,
        ask_now: bool = False,
    ) -> Quoted:
        """Answer every line; a source that does not answer costs its own lines only."""
        parts = self._parts(connection, account, question)
        answers: dict[int, LineQuote] = {}
        for part in parts:
            if part.source is None:
                answers.update(zip(part.places, self._here(connection, part), strict=True))
        requested = [part for part in parts if part.source is not None]
        if not requested:
            return Quoted(tuple(answers[i] for i in range(len(question.lines))), None)
        key = _key(question)
        known = kept if kept is not None and kept.key == key else None
        if known is not None and not ask_now and _is_fresh(known, question.now):
            answers.update(
                (place, known.lines[place]) for part in requested for place in part.places
            )
            return Quoted(tuple(answers[i] for i in range(len(question.lines))), known)
        silent = self._ask(requested, answers, known, question.now)
        lines = tuple(answers[i] for i in range(len(question.lines)))
        return Quoted(lines, KeptQuote(key=key, at=question.now, lines=lines), silent)

    def _ask(
        self,
        parts: Sequence[_Part],
        answers: dict[int, LineQuote],
        known: KeptQuote | None,
        now: datetime,
    ) -> str | None:
        silent = None
        fields = self._http.ask([(one.source, one.question) for one in parts if one.source])
        for part, lines in zip(parts, fields, strict=True):
            if lines is None:
                silent = silent or part.question.lines[0].seller
                usable = known is not None and _is_valid(known, part, now)
                lines = [
                    known.lines[place]
                    if usable and known is not None
                    else LineQuote(availability=Availability.NOT_ANSWERED, quantity=line.quantity)
                    for place, line in zip(part.places, part.question.lines, strict=True)
                ]
            answers.update(zip(part.places, lines, strict=True))
        return silent

    def _here(self, connection: Connection, part: _Part) -> list[LineQuote]:
        if part.table_of is None:
            return [
                LineQuote(availability=Availability.NOT_OFFERED, quantity=line.quantity)
                for line in part.question.lines
            ]
        found = lookup.rows_for(connection, part.table_of, part.question)
        return quote_lines(found, part.question)

    def _parts(self, connection: Connection, account: Account, question: Question) -> list[_Part]:
        by_seller: dict[str, list[int]] = {}
        for place, line in enumerate(question.lines):
            by_seller.setdefault(line.seller, []).append(place)
        own = [seller for seller in by_seller if seller in (OWN_SELLER, account.name)]
        others = [seller for seller in by_seller if seller not in own]
        in_table = lookup.known_sellers(connection, account.name, others) if others else set()
        parts: dict[tuple[str | None, str | None, str], list[tuple[int, LineInput]]] = {}
        sources: dict[str, Source] = {}
        for seller, places in by_seller.items():
            source, table, name = self._source(connection, account, seller, seller in in_table)
            if source is not None:
                sources[source.url] = source
            key = (source.url if source else None, table, "" if table == account.name else seller)
            lines = parts.setdefault(key, [])
            lines += [(place, replace(question.lines[place], seller=name)) for place in places]
        return [
            _Part(
                places=tuple(place for place, _ in lines),
                question=replace(question, lines=tuple(line for _, line in lines)),
                source=sources[url] if url else None,
                table_of=table,
            )
            for (url, table, _), lines in parts.items()
        ]

    def _source(
        self, connection: Connection, account: Account, seller: str, in_table: bool
    ) -> tuple[Source | None, str | None, str]:
        """Who answers for a seller, and the name by which that source knows it."""
        if seller in (OWN_SELLER, account.name):
            return (*_own_source(account), OWN_SELLER)
        if in_table:
            return None, account.name, seller
        other = self.partner(account, seller)
        if other is not None:
            return (*_own_source(other), OWN_SELLER)
        external = sellers.seller(connection, account.name, seller, self.cell.encryption)
        if external is None or not external.is_active:
            return None, None, seller
        source = Source(external.endpoint, account.name, external.app_key, external.app_token)
        return source, None, seller


def _own_source(account: Account) -> tuple[Source | None, str | None]:
    """The source of an account's own goods: an address, or the name of a table."""
    kind = account.setting("offers")
    if kind == "http" and account.setting("offers_url"):
        return Source(account.setting("offers_url"), account.name), None
    return None, account.name if kind == "table" else None


def has_offers(connection: Connection, account: Account) -> bool:
    """Whether prices of the account can come from offers at all."""
    source, table = _own_source(account)
    return source is not None or (table is not None and rows.any_of(connection, table))


def _key(question: Question) -> str:
    fields = (question.lines, question.channel, question.place, sorted(question.marketing.items()))
    return hashlib.blake2b(repr(fields).encode(), digest_size=16).hexdigest()


def _is_fresh(kept: KeptQuote, now: datetime) -> bool:
    if now - kept.at > FRESH:
        return False
    ends = [one.offer.valid_until for one in kept.lines if one.offer and one.offer.valid_until]
    return all(_before(now, end) for end in ends)


def _is_valid(kept: KeptQuote, part: _Part, now: datetime) -> bool:
    """Whether an older answer may stand in for the source: all its prices still hold."""
    ends = [
        offer.valid_until if (offer := kept.lines[place].offer) else None for place in part.places
    ]
    return now - kept.at <= FRESH and all(end is None or _before(now, end) for end in ends)


def _before(now: datetime, end: datetime) -> bool:
    return now < (end if end.tzinfo else end.replace(tzinfo=now.tzinfo))
