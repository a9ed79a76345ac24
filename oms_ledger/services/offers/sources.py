"""Asks each seller's source for its lines, and puts the answers together in one quote."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.partners import are_partners, names
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.carts.cart import KeptQuote
from oms_ledger.carts.documents.paying import WELL_KNOWN
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.http_client.partner_client import composed
from oms_ledger.offers.catalog import OWN_SELLER, PaymentCondition
from oms_ledger.offers.quote import Availability, LineInput, LineQuote, Question
from oms_ledger.offers.table import quote_lines
from oms_ledger.services.marketplace.account_calls import (
    PATH,
    SIGNED,
    AccountCall,
    Outcome,
    look_elsewhere,
    signed,
    written,
)
from oms_ledger.services.marketplace.counterpart import Declined, Quote, Unknown
from oms_ledger.services.offers.http_source import HttpSources, NoAnswer, Source
from projections.accounts import sellers
from projections.offers.sight import EditionMoved, OfferMemory, Sight

T = TypeVar("T")
QUOTE = "quote"
WAITING = 128  # threads in which sources over HTTP are waited for
FRESH = timedelta(minutes=15)  # that an answer over HTTP holds, unless it says shorter


class AsksOutside(Exception):
    """A source has to be called over HTTP, for which this thread may not wait."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """One quote per line. `kept` is what to remember of sources that are called over HTTP."""

    lines: tuple[LineQuote, ...]
    conditions: Sequence[PaymentCondition]
    """How one may pay: as was loaded, else every well-known system at once."""
    kept: KeptQuote | None = None
    silent_seller: str | None = None
    """A seller whose source did not answer now."""
    broken: bool = False
    """It did, with a fault of its own."""


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
        self._memory = OfferMemory()
        self.http = HttpSources(cell.settings.networks_of, call_of=self._call_of)
        self._waiting = ThreadPoolExecutor(WAITING, "offers-outside")

    def close(self) -> None:
        """Let go of the threads and of the HTTP sources."""
        self.http.close()
        self._waiting.shutdown(wait=False, cancel_futures=True)

    async def quoting(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run in a thread what quotes, which gets whether it `waits` for sources outside.

        Threads for reads do not: silent sellers would take them from everybody else.
        """
        try:
            return await asyncio.to_thread(function, *args, waits=False, **kwargs)
        except AsksOutside:
            return await self.outside(function, *args, **kwargs)

    async def outside(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run in a thread that waits for sources outside."""
        call = partial(function, *args, waits=True, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._waiting, call)

    def sight(self, editions: Mapping[str, bytes | None] | None = None) -> Sight:
        """The tables as they are now; `editions` are those that were just read."""
        return Sight(self.cell.database, self._memory, editions or {})

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

    def _call_of(self, source: Source, question: Question) -> tuple[bytes, dict[str, str]]:
        values = msgspec.to_builtins(question)
        call = AccountCall(source.account, source.seller, None, QUOTE, values=values)
        body = written(call)
        return body, {SIGNED: signed(self.cell, call, body)}

    async def answer(self, cell: Cell, call: AccountCall) -> Outcome:
        """What the called account offers of the lines that a call names; to partners alone."""
        try:
            account = await cell.ledger.account(call.recipient)
            if not names(account, call.sender, cell.settings.partners):
                raise AccountNotFound(call.recipient)
        except AccountNotFound as unknown:
            return Declined(unknown.code, unknown.message)
        question = msgspec.convert(call.values, Question)
        quoted = await self.quoting(self.quote, account, question)
        if quoted.silent_seller is not None:
            return Unknown("The offers do not answer")
        return Quote(quoted.lines)

    def elsewhere(self, account: Account, name: str) -> str | None:
        """The address of the cell that hosts a partner of the account; None for all others.

        Whether that names this account, too, is said there.
        """
        url = look_elsewhere(self.cell, name)
        return url if url and names(account, name, self.cell.settings.partners) else None

    def is_known_seller(self, account: str, seller: str) -> bool:
        """Whether a seller has rows in the account's table, or an address outside."""
        with self.sight() as sight:
            if sight.known_sellers(account, [seller]):
                return True
            return seller in sellers.outside(sight.connection, account)

    def has_offers(self, account: Account) -> bool:
        """Whether prices of the account can come from offers at all."""
        source, table = _own_source(account)
        if source is not None or table is None:
            return source is not None
        with self.sight() as sight:
            return sight.has_any(table)

    def quote(
        self,
        account: Account,
        question: Question,
        *,
        editions: Mapping[str, bytes | None] | None = None,
        kept: KeptQuote | None = None,
        ask_now: bool = False,
        waits: bool = True,
    ) -> Quoted:
        """Answer every line; a source that does not answer costs its own lines only.

        `editions` are those of tables that were read a moment ago. Unless it `waits`, nobody is
        called over HTTP: that raises `AsksOutside`.
        """
        answers: dict[int, LineQuote] = {}
        try:
            with self.sight(editions) as sight:
                parts, conditions = self._from_tables(sight, account, question, answers)
        except EditionMoved:
            answers.clear()
            with self.sight() as sight:
                parts, conditions = self._from_tables(sight, account, question, answers)
        requested = [part for part in parts if part.source is not None]
        if not requested:
            return Quoted(_in_order(answers), conditions)
        key = _key(question)
        known = kept if kept is not None and kept.key == key else None
        if known is not None and not ask_now and _is_fresh(known, question.now):
            answers.update(
                (place, known.lines[place]) for part in requested for place in part.places
            )
            return Quoted(_in_order(answers), conditions, known)
        if not waits:
            raise AsksOutside
        silent, broken = self._ask(requested, answers, known, question.now)
        lines = _in_order(answers)
        kept = KeptQuote(key=key, at=question.now, lines=lines)
        return Quoted(lines, conditions, kept, silent, broken)

    def _from_tables(
        self, sight: Sight, account: Account, question: Question, answers: dict[int, LineQuote]
    ) -> tuple[list[_Part], Sequence[PaymentCondition]]:
        """The parts of the question; those that tables answer are answered."""
        parts = self._parts(sight, account, question)
        for part in parts:
            if part.source is None:
                answers.update(zip(part.places, _here(sight, part), strict=True))
        return parts, sight.payment_conditions(account.name) or WELL_KNOWN

    def _ask(
        self,
        parts: Sequence[_Part],
        answers: dict[int, LineQuote],
        known: KeptQuote | None,
        now: datetime,
    ) -> tuple[str | None, bool]:
        """Who did not answer, and whether a fault of its own was the reason."""
        silent, broken = None, False
        fields = self.http.ask([(one.source, one.question) for one in parts if one.source])
        for part, lines in zip(parts, fields, strict=True):
            if isinstance(lines, NoAnswer):
                broken = lines.broken if silent is None else broken
                silent = silent or part.question.lines[0].seller
                usable = known is not None and _is_valid(known, part, now)
                lines = [
                    known.lines[place]
                    if usable and known is not None
                    else LineQuote(availability=Availability.NOT_ANSWERED, quantity=line.quantity)
                    for place, line in zip(part.places, part.question.lines, strict=True)
                ]
            answers.update(zip(part.places, lines, strict=True))
        return silent, broken

    def _parts(self, sight: Sight, account: Account, question: Question) -> list[_Part]:
        by_seller: dict[str, list[int]] = {}
        for place, line in enumerate(question.lines):
            by_seller.setdefault(line.seller, []).append(place)
        own = [seller for seller in by_seller if seller in (OWN_SELLER, account.name)]
        others = [seller for seller in by_seller if seller not in own]
        in_table = sight.known_sellers(account.name, others)
        parts: dict[tuple[str | None, str | None, str], list[tuple[int, LineInput]]] = {}
        sources: dict[str, Source] = {}
        for seller, places in by_seller.items():
            source, table, name = self._source(sight, account, seller, seller in in_table)
            if source is not None:
                sources[source.url] = source
            key = (source.url if source else None, table, "" if table == account.name else seller)
            lines = parts.setdefault(key, [])
            wanted = [question.lines[place] for place in places]
            if name != seller:
                wanted = [replace(line, seller=name) for line in wanted]
            lines += zip(places, wanted, strict=True)
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
        self, sight: Sight, account: Account, seller: str, in_table: bool
    ) -> tuple[Source | None, str | None, str]:
        """Who answers for a seller, and the name by which that source knows it."""
        if seller in (OWN_SELLER, account.name):
            return (*_own_source(account), OWN_SELLER)
        if in_table:
            return None, account.name, seller
        if (url := self.elsewhere(account, seller)) is not None:
            called = composed(url, PATH, {"an": seller})
            return Source(called, account.name, seller=seller), None, OWN_SELLER
        other = self.partner(account, seller)
        if other is not None:
            return (*_own_source(other), OWN_SELLER)
        external = sellers.seller(sight.connection, account.name, seller, self.cell.encryption)
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


def _here(sight: Sight, part: _Part) -> list[LineQuote]:
    """What the table of a part says of its lines."""
    if part.table_of is None:
        return [
            LineQuote(availability=Availability.NOT_OFFERED, quantity=line.quantity)
            for line in part.question.lines
        ]
    return quote_lines(sight.rows_for(part.table_of, part.question), part.question)


def _in_order(answers: Mapping[int, LineQuote]) -> tuple[LineQuote, ...]:
    return tuple(answers[place] for place in range(len(answers)))


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
