"""An entity: its schemas and indices, and what they say about a document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import orjson

from oms_ledger.masterdata import builtin
from oms_ledger.masterdata.condition import Condition, fields_of
from oms_ledger.masterdata.events import (
    EntityEvent,
    IndexDeleted,
    IndexSaved,
    Json,
    SchemaDeleted,
    SchemaSaved,
)
from oms_ledger.masterdata.matching import check_types
from oms_ledger.masterdata.names import ADDRESSES, CLIENTS, ORDERS
from oms_ledger.masterdata.refusals import FieldNotFound, InvalidSchema, SchemaNotFound
from oms_ledger.masterdata.schemas import Schema, schema_of
from oms_ledger.masterdata.security import Security
from oms_ledger.masterdata.values import Paths, fold, fold_number

SEARCHABLE = frozenset(
    {"id", "createdIn", "updatedIn", "lastInteractionIn", "createdBy", "updatedBy"}
)
_DATES = dict.fromkeys(("createdIn", "updatedIn", "lastInteractionIn"), "date")
_KINDS = {builtin.BOOLEAN: "boolean"}


@dataclass(frozen=True, slots=True)
class Index:
    """`multiple`: several documents may have the same values."""

    name: str
    fields: tuple[str, ...]
    multiple: bool

    def values(self, document: Mapping[str, Any], paths: Paths) -> str | None:
        """A document's values as they are compared; None while one of them is null."""
        values = [document.get(name) for name in self.fields]
        if any(value is None for value in values):
            return None
        return orjson.dumps(
            [_comparable(v, n in paths.numbers) for n, v in zip(self.fields, values, strict=True)],
            option=orjson.OPT_SORT_KEYS,
        ).decode()


def _comparable(value: Any, number: bool) -> Any:
    if isinstance(value, str):
        return fold_number(value) if number else fold(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


@dataclass(frozen=True)
class Entity:
    """`bodies` are the schemas as they were saved, by name in the order they were first saved."""

    name: str
    bodies: Mapping[str, Json] = field(default_factory=dict)
    indices: Mapping[str, Index] = field(default_factory=dict)

    @cached_property
    def schemas(self) -> Mapping[str, Schema]:
        """Without one whose base was taken away since."""
        found = {}
        for name in self.bodies:
            try:
                found[name] = schema_of(self.name, name, self.bodies)
            except InvalidSchema:
                continue
        return found

    @cached_property
    def paths(self) -> Paths:
        """How the entity's documents are stepped into, and which fields are document numbers."""
        return Paths(builtin.NUMBERS.get(self.name, frozenset()))

    @property
    def is_open(self) -> bool:
        """Whether documents may have and be searched by any field: `CL`, `AD` and `orders`."""
        return self.name in (CLIENTS, ADDRESSES, ORDERS)

    @property
    def unique_indices(self) -> list[Index]:
        """The indices whose values no two documents may share."""
        return [index for index in self.indices.values() if not index.multiple]

    @cached_property
    def counted(self) -> frozenset[str]:
        """The fields that some schema counts: nobody sets them."""
        return frozenset(name for one in self.schemas.values() for name in one.auto_increment)

    def schema(self, name: str) -> Schema:
        """The schema of that name; `SchemaNotFound` where there is none that can be used."""
        found = self.schemas.get(name)
        if found is None:
            raise SchemaNotFound(name, self.name)
        return found

    def chosen(self, name: str | None) -> Sequence[Schema]:
        """The named schema, else all of them."""
        return [self.schema(name)] if name else list(self.schemas.values())

    def satisfied(self, document: Mapping[str, Any]) -> list[str]:
        """The schemas that a document complies with."""
        return [name for name, schema in self.schemas.items() if schema.validator.valid(document)]

    def knows(self, path: str, schema: str | None = None) -> bool:
        """Whether a field may be filtered and sorted by."""
        if path in SEARCHABLE or self.is_open:
            return True
        if any(one.knows(path) for one in self.chosen(schema)):
            return True
        return schema is None and any(path in index.fields for index in self.indices.values())

    def require_known(self, condition: Condition, schema: str | None = None) -> None:
        """Refuse fields that may not be filtered by, and values that their types cannot have."""
        for path in fields_of(condition):
            if not self.knows(path, schema):
                raise FieldNotFound(path)
        check_types(condition, self.types(schema))

    def types(self, schema: str | None = None) -> Mapping[str, str]:
        """The kinds of fields that all schemas agree on."""
        fixed = builtin.FIELDS.get(self.name, {})
        known = {n: _KINDS[kind] for n, kind in fixed.items() if kind in _KINDS} | _DATES
        content: dict[str, str | None] = {}
        for one in self.chosen(schema):
            for path, kind in one.types.items():
                content[path] = kind if content.get(path, kind) == kind else None
        return {**{path: kind for path, kind in content.items() if kind}, **known}

    def is_indexed(self, path: str, schema: str | None = None) -> bool:
        """Whether the account said that it looks for documents by the field, or by one it is in."""
        if path in SEARCHABLE or path in builtin.FIELDS.get(self.name, {}):
            return True
        names = path.split(".")
        around = {".".join(names[:count]) for count in range(1, len(names) + 1)}
        if any(not around.isdisjoint(one.indexed) for one in self.chosen(schema)):
            return True
        return any(path in index.fields for index in self.indices.values())

    def keyword_fields(self) -> list[str]:
        """The fields that `_keyword` looks into."""
        names = list(builtin.FIELDS.get(self.name, {}))
        names += [path for schema in self.schemas.values() for path in schema.indexed]
        return list(dict.fromkeys(names))

    def security(self, schema: str | None = None) -> Security | None:
        """What is open to callers without credentials; None where nothing is."""
        found = [s for one in self.chosen(schema) if (s := one.security) is not None]
        if not found:
            return None
        whole = found[0]
        for one in found[1:]:
            whole = whole.united(one)
        return whole

    def index_named_by(self, body: Mapping[str, Any]) -> Iterable[Index]:
        """The unique indices whose fields all stand in a body."""
        return (
            index
            for index in self.unique_indices
            if all(body.get(name) is not None for name in index.fields)
        )


@lru_cache(1024)
def first(name: str) -> Entity:
    """An entity as it is before anything was configured."""
    indices = {
        index: Index(index, fields, multiple)
        for index, (fields, multiple) in builtin.INDICES.get(name, {}).items()
    }
    return Entity(name, dict(builtin.SCHEMAS.get(name, {})), indices)


def evolve_entity(entity: Entity, event: EntityEvent) -> Entity:
    """The entity after an event."""
    match event:
        case SchemaSaved(name, body):
            return replace(entity, bodies={**entity.bodies, name: body})
        case SchemaDeleted(name):
            kept = {other: body for other, body in entity.bodies.items() if other != name}
            return replace(entity, bodies=kept)
        case IndexSaved(name, fields, multiple):
            index = Index(name, tuple(fields), multiple)
            return replace(entity, indices={**entity.indices, name: index})
        case IndexDeleted(name):
            others = {other: index for other, index in entity.indices.items() if other != name}
            return replace(entity, indices=others)
