"""What an account has configured: items by class and id, as the account's events made them.

A subject is a module beside this one: its item (a frozen dataclass whose fields are the columns of
its table), its events, what each event makes of the items, and what may be decided. It is listed in
`accounts.subjects`, and its table in `projections.accounts.configuration`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


class Item(Protocol):
    """One thing that is configured; `id` is its name among those of its class in the account."""

    @property
    def id(self) -> str:
        """Its name; empty for the one item of a class that an account has once."""
        ...


T = TypeVar("T", bound=Item)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Immutable; every change is another configuration."""

    items: Mapping[type, Mapping[str, Any]] = field(default_factory=dict)

    def all(self, kind: type[T]) -> Mapping[str, T]:
        """The items of a class by id, in the order in which they were first added."""
        return self.items.get(kind, {})

    def get(self, kind: type[T], id: str) -> T | None:
        """The item of a class with an id, if there is one."""
        return self.all(kind).get(id)

    def put(self, item: Item) -> "Configuration":
        """With an item added, or in the place of the one with its id."""
        of_kind = {**self.items.get(type(item), {}), item.id: item}
        return Configuration({**self.items, type(item): of_kind})

    def without(self, kind: type[T], id: str) -> "Configuration":
        """With no item of that class and id, whether there was one or not."""
        of_kind = {one: item for one, item in self.all(kind).items() if one != id}
        return Configuration({**self.items, kind: of_kind})


Applier = Callable[[Configuration, Any, int], Configuration]
"""The configuration after an event of a class that was recorded at an instant in microseconds."""


@dataclass(frozen=True, slots=True)
class ConfigurationImported:
    """A row as it stood in its table before configuration was recorded as events."""

    subject: str
    row: dict[str, Any]
    secrets: dict[str, Any] = field(default_factory=dict, metadata={"personal": True})
