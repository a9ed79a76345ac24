"""What streams amount to: orders and accounts folded from rows, with a cache of the latest."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oms_ledger.accounts.account import Account, evolve_account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.eventstore import encryption as vault
from oms_ledger.eventstore import serialization as codec
from oms_ledger.eventstore.encryption import Vault
from oms_ledger.eventstore.records import Row, instant
from oms_ledger.eventstore.store import Store
from oms_ledger.masterdata import streams
from oms_ledger.orders.events import Event, PersonErased
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order


@dataclass(frozen=True, slots=True)
class Folded:
    """A stream's state after its entries up to `version`; None before its first entry."""

    state: Any
    version: int


NOTHING = Folded(None, 0)


class Step(NamedTuple):
    """An entry, and its stream's states right before and after it."""

    row: Row
    event: Event
    before: Folded
    after: Folded


class Folds:
    def __init__(self, store: Store, vault: Vault, cached: int = 20_000) -> None:
        self.store = store
        self.vault = vault
        self._cached = cached
        self._latest: OrderedDict[str, Folded] = OrderedDict()

    def cached(self, stream: str) -> Folded | None:
        folded = self._latest.get(stream)
        if folded is not None:
            self._latest.move_to_end(stream)
        return folded

    def remember(self, stream: str, folded: Folded) -> None:
        self._latest[stream] = folded
        self._latest.move_to_end(stream)
        if len(self._latest) > self._cached:
            self._latest.popitem(last=False)

    def forget(self, stream: str) -> None:
        self._latest.pop(stream, None)

    def load(self, stream: str, until_version: int | None = None) -> Folded:
        """The state of a stream, from the database; of an earlier version when asked."""
        rows, wrapped = self.store.stream_and_key(stream)
        key = self.vault.unwrap(stream, wrapped) if wrapped else None
        folded = NOTHING
        for row in rows:
            if until_version is not None and row.version > until_version:
                break
            folded = step(folded, row, self._event(row, key))
        return folded

    def steps(self, rows: Sequence[Row]) -> Iterator[Step]:
        """Each row with the states right before and after it, none merged, none skipped."""
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(row.stream, row)
        self._load_before(first)
        for row, event in zip(rows, self.events(rows), strict=True):
            before = self.cached(row.stream) or NOTHING
            folded = step(before, row, event)
            if isinstance(event, PersonErased):  # what was folded before may still show the person
                self.vault.forget(row.stream)
                before = self.load(row.stream, row.version - 1)
                folded = step(before, row, event)
            self.remember(row.stream, folded)
            yield Step(row, event, before, folded)

    def _load_before(self, first: dict[str, Row]) -> None:
        missing = {}
        for stream, row in first.items():
            known = self.cached(stream)
            if row.version == 1:
                self.remember(stream, NOTHING)
            elif known is None or known.version != row.version - 1:
                self.forget(stream)
                missing[stream] = row.position - 1
        if not missing:
            return
        rows = self.store.streams(missing, max(missing.values()))
        for row, event in zip(rows, self.events(rows), strict=True):
            if row.position <= missing[row.stream]:
                self.remember(row.stream, step(self.cached(row.stream) or NOTHING, row, event))

    def events(self, rows: Sequence[Row]) -> list[Event]:
        """The events of rows; data keys that are missing were erased, with what they kept."""
        keys = self._data_keys({row.stream for row in rows if row.personal})
        return [self._event(row, keys.get(row.stream)) for row in rows]

    def _event(self, row: Row, key: AESGCM | None) -> Event:
        personal = None
        if row.personal and key:
            try:
                personal = vault.decrypt(key, bytes(row.personal), f"{row.stream}:{row.version}")
            except InvalidTag:
                if row.order_id is not None:
                    raise  # of a document that was deleted since, and made again under a new key
        return codec.decode(row.name, bytes(row.body), personal)

    def _data_keys(self, streams: Iterable[str]) -> dict[str, AESGCM]:
        """As the database has them now: another process may have erased one just before."""
        asked = list(streams)
        stored = self.store.data_keys(asked) if asked else {}
        return {stream: self.vault.unwrap(stream, key) for stream, key in stored.items()}


class Page:
    """Rows in the ledger's order, folded once for everybody who looks into them."""

    def __init__(self, rows: Sequence[Row], folds: Folds) -> None:
        self.rows, self.folds = rows, folds
        self._steps: list[Step] | None = None

    def steps(self) -> Sequence[Step]:
        if self._steps is None:
            self._steps = list(self.folds.steps(self.rows))
        return self._steps

    def steps_of(self, streams: Collection[str]) -> Iterable[Step]:
        """The steps of some streams; what nobody looks into is not folded."""
        if self._steps is None:
            return self.folds.steps([row for row in self.rows if row.stream in streams])
        return (step for step in self._steps if step.row.stream in streams)


def step(before: Folded, row: Row, event: Event) -> Folded:
    """The state after one more entry."""
    assert row.version == before.version + 1, f"{row.stream} lacks version {before.version + 1}"
    if isinstance(event, AccountEvent):
        assert not isinstance(before.state, Order)
        return Folded(evolve_account(before.state, event), row.version)
    assert not isinstance(before.state, Account)
    if row.order_id is None:
        state = streams.evolve(before.state, event, row.stream, row.by, instant(row.at))
        return Folded(state, row.version)
    order_id = row.order_id or ""
    return Folded(evolve(before.state, event, instant(row.at), order_id, row.account), row.version)
