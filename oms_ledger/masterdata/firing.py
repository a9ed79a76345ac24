"""Which triggers a new version of a document fires.

Most triggers ask for a value of a field; they are looked up by it, so that a version costs what
may fire rather than what there is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from oms_ledger.masterdata.condition import SPACE_OR_PLUS, And, Compare, Condition, fields_of
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.triggers import Trigger, chosen_arm, weighted
from oms_ledger.masterdata.values import Paths, fold, moment_of, number_of


@dataclass(frozen=True, slots=True)
class Armed:
    """An active trigger and its schema."""

    schema: str
    trigger: Trigger


@dataclass(slots=True)
class TriggerIndex:
    """The active triggers of an entity: by field and text value, and those that ask otherwise."""

    by_value: dict[str, dict[str, list[Armed]]] = field(default_factory=dict)
    others: list[Armed] = field(default_factory=list)
    weighted: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.by_value or self.others)

    def every(self) -> Iterator[Armed]:
        """All active triggers of the entity, in no order that means anything."""
        for values in self.by_value.values():
            for armed in values.values():
                yield from armed
        yield from self.others

    def candidates(self, document: Mapping[str, Any], paths: Paths) -> Iterator[Armed]:
        """Those whose condition may hold for the document."""
        for name, values in self.by_value.items():
            for term in {leaf.term for leaf in paths.leaves(document, name)}:
                if term is not None:
                    yield from values.get(term, ())
        yield from self.others

    def names(self) -> set[str]:
        """The first names of the fields that conditions look at."""
        paths = (path for armed in self.every() for path in fields_of(armed.trigger.condition))
        return {path.partition(".")[0] for path in paths}


def index_of(entity: Entity) -> TriggerIndex:
    """The entity's active triggers by what they ask for.

    A condition that is one text, compared with `=`, is found by it; any other is tried on every
    version.
    """
    index = TriggerIndex()
    groups = set()
    for name, schema in entity.schemas.items():
        if weighted(schema.triggers):
            groups.add(name)
        for trigger in schema.triggers:
            if not trigger.active:
                continue
            armed = Armed(name, trigger)
            key = _text_of(trigger.condition, entity.paths)
            if key is None:
                index.others.append(armed)
            else:
                index.by_value.setdefault(key[0], {}).setdefault(key[1], []).append(armed)
    index.weighted = frozenset(groups)
    return index


def _text_of(condition: Condition, paths: Paths) -> tuple[str, str] | None:
    """A field and the one text that it must have, for the condition to hold; None without one."""
    match condition:
        case And(parts):
            return next((key for part in parts if (key := _text_of(part, paths))), None)
        case Compare(name, "=", value):
            text = value.text
            special = value.wildcard or SPACE_OR_PLUS in text or name in paths.numbers
            if special or number_of(value) is not None or moment_of(value) is not None:
                return None
            if text.casefold() in ("true", "false"):
                return None
            return name, fold(text)
        case _:
            return None


def firing(index: TriggerIndex, armed: Iterable[Armed], document_key: str) -> list[Armed]:
    """Of triggers that may run, those that do: of a schema's weighted ones exactly one."""
    fires, arms = list[Armed](), dict[str, list[Trigger]]()
    for one in armed:
        if one.schema in index.weighted and one.trigger.weight is not None:
            arms.setdefault(one.schema, []).append(one.trigger)
        else:
            fires.append(one)
    for schema, triggers in arms.items():
        triggers.sort(key=lambda trigger: trigger.name)
        chosen = chosen_arm(triggers, document_key)
        if chosen is not None:
            fires.append(Armed(schema, chosen))
    return sorted(fires, key=lambda one: (one.schema, one.trigger.name))


def fires_on_save(
    index: TriggerIndex, document: Mapping[str, Any], complying: Callable[[str], bool], paths: Paths
) -> list[Armed]:
    """The triggers that a saved document fires; `complying` says of a schema."""
    found = [
        one
        for one in index.candidates(document, paths)
        if holds(one.trigger.condition, document, paths) and complying(one.schema)
    ]
    return firing(index, found, str(document["id"]).casefold())


def fires_on_order(
    index: TriggerIndex,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    paths: Paths,
    complying: Callable[[str], bool],
) -> list[Armed]:
    """The triggers whose condition became true, and those that every version fires."""
    found = []
    for one in index.candidates(after, paths):
        condition = one.trigger.condition
        if not holds(condition, after, paths) or not complying(one.schema):
            continue
        if one.trigger.every_version or before is None or not holds(condition, before, paths):
            found.append(one)
    return firing(index, found, str(after["id"]).casefold())
