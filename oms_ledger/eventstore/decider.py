"""What the ledger has to know of a category of streams; everything else of it is the domain's.

A stream is called `account/category/id`. Orders are `account/id`, and an account's own stream is
`account/`. `oms_ledger.cell` registers one decider a category, and no module of the event store
knows any of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.serialization import EventTypes

State = TypeVar("State")
Event = TypeVar("Event")

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class Summary(NamedTuple):
    """What an event's record says of the state before and after it, to be read without it."""

    status_before: str | None
    status: str | None
    domain: str | None
    moved_before_at: int | None


class UnknownCategory(Exception):
    """A stream of a category that nobody registered a decider for."""


class Decider(Generic[State, Event]):
    """How streams of a category evolve. `evolve` is needed; the rest has a default."""

    category: str
    events: tuple[type, ...]
    aliases: Mapping[str, str] = {}  # stored names of before: the name of today
    upcasters: Mapping[str, Upcaster] = {}  # stored names of before: the body of today
    personal_parts: Mapping[type, Sequence[Sequence[str]]] = {}  # of plain fields, by event
    erasing: tuple[type, ...] = ()  # events that delete the stream's data key
    rekeyed: bool = False  # a stream goes on under a new data key when its key was deleted

    def evolve(self, state: State | None, event: Event, record: RecordedEvent) -> State:
        """The state after an event. `record` has who, when and the stream, not yet the rest."""
        raise NotImplementedError

    def react(self, state: State, new: Sequence[Event], context: Any) -> Sequence[Event]:
        """The new events, and those that follow from them."""
        return new

    def validate(self, event: Event, after: State) -> None:
        """Refuse what could not be shown once it is stored."""

    def summarize(self, before: State | None, after: State) -> Summary | None:
        """What the record says of the states; None for nothing."""
        return None

    def erased(self, state: State) -> bool:
        """Whether nothing more is kept of the person that the stream is about."""
        return False

    def changed_at(self, state: State) -> datetime | None:
        """When the state was made, if no later change may have an earlier instant."""
        return None

    def missing(self, stream: str) -> Exception:
        """What is raised where a stream that is to be changed has no event."""
        return LookupError(stream)


def category_of(stream: str) -> str:
    """`account` and `order` for the two short forms of a stream's name."""
    parts = stream.split("/", 2)
    if len(parts) == 3:
        return parts[1]
    return "order" if parts[1] else "account"


class Deciders:
    """The deciders of a cell by category, and the types of all their events."""

    def __init__(self, deciders: Iterable[Decider[Any, Any]]) -> None:
        self._by_category: dict[str, Decider[Any, Any]] = {}
        aliases: dict[str, str] = {}
        upcasters: dict[str, Upcaster] = {}
        types: dict[type, None] = {}
        parts: dict[type, Sequence[Sequence[str]]] = {}
        for decider in deciders:
            assert decider.category not in self._by_category, decider.category
            self._by_category[decider.category] = decider
            aliases.update(decider.aliases)
            upcasters.update(decider.upcasters)
            types.update(dict.fromkeys(decider.events))
            parts.update(decider.personal_parts)
        self.types = EventTypes(types, aliases, upcasters, parts)

    def of(self, stream: str) -> Decider[Any, Any]:
        """The decider of a stream's category; `UnknownCategory` where nobody registered one."""
        try:
            return self._by_category[category_of(stream)]
        except KeyError:
            raise UnknownCategory(f"{category_of(stream)} of {stream}") from None
