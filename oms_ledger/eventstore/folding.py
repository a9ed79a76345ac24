"""States of streams, made from their recorded events, with a cache of the latest."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oms_ledger.eventstore import encryption
from oms_ledger.eventstore.decider import Decider, Deciders
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.store import Store


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream's state after its events up to `version`; None before its first event."""

    state: Any
    version: int


NOTHING = StreamState(None, 0)


class Transition(NamedTuple):
    """An event, and its stream's states right before and after it."""

    row: RecordedEvent
    event: Any
    before: StreamState
    after: StreamState


class StreamLoader:
    """Loads the states of streams; those that were used last are remembered."""

    def __init__(
        self, store: Store, encryption: Encryption, deciders: Deciders, cached: int = 20_000
    ) -> None:
        self.store = store
        self.encryption = encryption
        self.deciders = deciders
        self._cached = cached
        self._latest: OrderedDict[str, StreamState] = OrderedDict()

    def cached(self, stream: str) -> StreamState | None:
        """The remembered state of a stream, which may be behind; None for none."""
        loaded_state = self._latest.get(stream)
        if loaded_state is not None:
            self._latest.move_to_end(stream)
        return loaded_state

    def remember(self, stream: str, loaded_state: StreamState) -> None:
        """Remember a state; the one that was used longest ago makes room."""
        self._latest[stream] = loaded_state
        self._latest.move_to_end(stream)
        if len(self._latest) > self._cached:
            self._latest.popitem(last=False)

    def remember_newer(self, stream: str, loaded_state: StreamState) -> None:
        """Remember a state unless a later one of the stream is known."""
        known = self._latest.get(stream)
        if known is None or known.version <= loaded_state.version:
            self.remember(stream, loaded_state)

    def forget(self, stream: str) -> None:
        """Remember nothing of a stream."""
        self._latest.pop(stream, None)

    def load(self, stream: str, until_version: int | None = None) -> StreamState:
        """The state of a stream, from the database; of an earlier version on request."""
        rows, wrapped = self.store.stream_and_key(stream)
        if until_version is not None:
            rows = [row for row in rows if row.version <= until_version]
        return self._loaded(stream, rows, wrapped)

    def _loaded(
        self, stream: str, rows: Sequence[RecordedEvent], wrapped: bytes | None
    ) -> StreamState:
        key = self.encryption.unwrap(stream, wrapped) if wrapped else None
        loaded_state, decider = NOTHING, self.deciders.of(stream)
        for row in rows:
            loaded_state = apply_event(decider, loaded_state, row, self._event(row, key))
        return loaded_state

    def load_together(self, streams: Sequence[str]) -> dict[str, StreamState]:
        """The states of several streams at one moment, from the database; they are remembered."""
        found = dict[str, StreamState]()
        for stream, (rows, wrapped) in self.store.streams_and_keys(streams).items():
            found[stream] = self._loaded(stream, rows, wrapped)
            self.remember_newer(stream, found[stream])
        return found

    def steps(self, rows: Sequence[RecordedEvent]) -> Iterator[Transition]:
        """Each row with the states right before and after it, none merged, none skipped."""
        first: dict[str, RecordedEvent] = {}
        for row in rows:
            first.setdefault(row.stream, row)
        self._load_before(first)
        for row, event in zip(rows, self.events(rows), strict=True):
            before, decider = self.cached(row.stream) or NOTHING, self.deciders.of(row.stream)
            loaded_state = apply_event(decider, before, row, event)
            if isinstance(event, decider.erasing) and not decider.rekeyed:
                self.encryption.forget(row.stream)  # what is cached may show the person
                before = self.load(row.stream, row.version - 1)
                loaded_state = apply_event(decider, before, row, event)
            self.remember(row.stream, loaded_state)
            yield Transition(row, event, before, loaded_state)

    def _load_before(self, first: dict[str, RecordedEvent]) -> None:
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
                before = self.cached(row.stream) or NOTHING
                self.remember(row.stream, self.apply(before, row, event))

    def apply(self, before: StreamState, row: RecordedEvent, event: Any) -> StreamState:
        """The state after one more event."""
        return apply_event(self.deciders.of(row.stream), before, row, event)

    def events(self, rows: Sequence[RecordedEvent]) -> list[Any]:
        """The events of rows; data keys that are missing were erased, with what they kept."""
        keys = self._data_keys({row.stream for row in rows if row.personal})
        return [self._event(row, keys.get(row.stream)) for row in rows]

    def _event(self, row: RecordedEvent, key: AESGCM | None) -> Any:
        personal = None
        if row.personal and key:
            try:
                personal = encryption.decrypt(
                    key, bytes(row.personal), f"{row.stream}:{row.version}"
                )
            except InvalidTag:
                if not self.deciders.of(row.stream).rekeyed:
                    raise  # else of a state that was erased, before it was made again
        return self.deciders.types.decode(row.name, bytes(row.body), personal)

    def _data_keys(self, streams: Iterable[str]) -> dict[str, AESGCM]:
        """As the database has them now: another process may have erased one just before."""
        requested = list(streams)
        stored = self.store.data_keys(requested) if requested else {}
        return {stream: self.encryption.unwrap(stream, key) for stream, key in stored.items()}


class Page:
    """Rows in the ledger's order, loaded once for everybody who reads them."""

    def __init__(self, rows: Sequence[RecordedEvent], loader: StreamLoader) -> None:
        self.rows, self.loader = rows, loader
        self._steps: list[Transition] | None = None

    def steps(self) -> Sequence[Transition]:
        """Each event of the page with the states before and after it, worked out once."""
        if self._steps is None:
            self._steps = list(self.loader.steps(self.rows))
        return self._steps

    def transitions_of(self, streams: Collection[str]) -> Iterable[Transition]:
        """The transitions of some streams; what nobody reads is not loaded."""
        if self._steps is None:
            return self.loader.steps([row for row in self.rows if row.stream in streams])
        return (step for step in self._steps if step.row.stream in streams)


def apply_event(
    decider: Decider[Any, Any], before: StreamState, row: RecordedEvent, event: Any
) -> StreamState:
    """The state after one more event of a stream of the decider's category."""
    assert row.version == before.version + 1, f"{row.stream} lacks version {before.version + 1}"
    return StreamState(decider.evolve(before.state, event, row), row.version)
