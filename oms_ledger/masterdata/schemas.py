"""A schema of an entity: what its `v-*` keywords mean, with those of the schema it builds on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from oms_ledger.masterdata.json_schema import (
    Json,
    Validator,
    require_size,
    stored_validator,
)
from oms_ledger.masterdata.names import ORDERS
from oms_ledger.masterdata.order_conditions import as_of_orders
from oms_ledger.masterdata.refusals import InvalidSchema
from oms_ledger.masterdata.security import Security, security_of
from oms_ledger.masterdata.triggers import Trigger, triggers_of

MOST_SCHEMAS, LARGEST = 60, 256 * 1024

_NAME_LISTS = ("v-indexed", "v-default-fields", "v-auto-increment")
_SCALARS = ("string", "number", "integer", "boolean", "null")


@dataclass(frozen=True)
class Schema:
    """`body` is as it was stored, `whole` with what it takes over from its base."""

    entity: str
    name: str
    body: Json
    whole: Json = field(repr=False)

    @property
    def _asserted(self) -> Json:
        return {name: value for name, value in self.whole.items() if name != "v-triggers"}

    @cached_property
    def validator(self) -> Validator:
        """What tells whether a document complies; nothing does where the schema is unusable."""
        return stored_validator(self._asserted)

    def require_validator(self) -> None:
        """`InvalidSchema` says why there is none."""
        Validator(self._asserted)

    @cached_property
    def indexed(self) -> tuple[str, ...]:
        """Fields that the account said it looks for documents by, those of the base first."""
        return tuple(self.whole.get("v-indexed", ()))

    @cached_property
    def default_fields(self) -> tuple[str, ...]:
        """The fields of an answer to a search that names none."""
        return tuple(self.whole.get("v-default-fields", ()))

    @cached_property
    def auto_increment(self) -> tuple[str, ...]:
        """Integer fields that a new document gets the next number in."""
        return tuple(self.whole.get("v-auto-increment", ()))

    @cached_property
    def security(self) -> Security | None:
        """What is open to callers without credentials; None where nothing is."""
        return security_of(self.whole.get("v-security"))

    @cached_property
    def triggers(self) -> tuple[Trigger, ...]:
        """Its own ones: those of the base belong to the base."""
        own = triggers_of(self.body)
        if self.entity != ORDERS:
            return own
        return tuple(replace(one, condition=as_of_orders(one.condition)) for one in own)

    @cached_property
    def types(self) -> Mapping[str, str]:
        """Number, boolean and date fields, by path; what the values of other fields are is free."""
        return {
            path: kind
            for path, definition in declared(self.whole.get("properties"))
            if (kind := _kind(definition))
        }

    @cached_property
    def _declared(self) -> Mapping[str, bool]:
        """Each declared path, and whether anything may stand below it."""
        return {
            path: _open(definition) for path, definition in declared(self.whole.get("properties"))
        }

    def knows(self, path: str) -> bool:
        """Whether a field may be filtered and sorted by."""
        if path in self._declared:
            return True
        names = path.split(".")
        parents = (".".join(names[:end]) for end in range(len(names) - 1, 0, -1))
        return next((self._declared[one] for one in parents if one in self._declared), False)

    @cached_property
    def links(self) -> Mapping[str, tuple[str, str | None, str]]:
        """Fields that name another document: its entity, schema, and the field it is found by."""
        found = {}
        for name, definition in (self.whole.get("properties") or {}).items():
            link = definition.get("link") if isinstance(definition, dict) else None
            if isinstance(link, str) and (target := _entity_and_schema(link)):
                found[name] = (*target, str(definition.get("linked_field") or "id"))
        return found


def declared(properties: Any, before: str = "", depth: int = 0) -> Iterator[tuple[str, Json]]:
    """Every property with its path, those of nested objects and of objects in lists included."""
    if not isinstance(properties, dict) or depth > 8:
        return
    for name, definition in properties.items():
        path = f"{before}{name}"
        if not isinstance(definition, dict):
            yield path, {}
            continue
        yield path, definition
        yield from declared(definition.get("properties"), f"{path}.", depth + 1)
        items = definition.get("items")
        if isinstance(items, dict):
            yield from declared(items.get("properties"), f"{path}.", depth + 1)


def _kind(definition: Json) -> str | None:
    given = definition.get("type")
    types = {given} if isinstance(given, str) else set(given) if isinstance(given, list) else set()
    types.discard("null")
    if types and types <= {"number", "integer"}:
        return "number"
    if types == {"boolean"}:
        return "boolean"
    if types == {"string"} and definition.get("format") in ("date", "date-time"):
        return "date"
    return None


def _open(definition: Json) -> bool:
    items = definition.get("items")
    inner = isinstance(items, dict) and "properties" in items
    return "properties" not in definition and not inner and definition.get("type") not in _SCALARS


def _entity_and_schema(url: str) -> tuple[str, str | None] | None:
    """The entity and the schema that a link names: `…/dataentities/AD/schemas/v1`."""
    parts = url.split("?")[0].rstrip("/").split("/")
    if "dataentities" not in parts:
        return None
    rest = parts[parts.index("dataentities") + 1 :]
    if not rest:
        return None
    return rest[0], rest[2] if len(rest) > 2 and rest[1] == "schemas" else None


def schema_of(entity: str, name: str, bodies: Mapping[str, Json]) -> Schema:
    """One of an entity's schemas, with what it takes over; `InvalidSchema` for a bad base."""
    return Schema(entity, name, bodies[name], _whole(entity, name, bodies, ()))


def _whole(entity: str, name: str, bodies: Mapping[str, Json], built_on_it: Sequence[str]) -> Json:
    body = bodies[name]
    link = body.get("v-canonicalto")
    if not link:
        return body
    target = _entity_and_schema(link) if isinstance(link, str) else None
    if target is None or target[0] != entity or target[1] is None or target[1] not in bodies:
        raise InvalidSchema("v-canonicalto: found no schema of this entity at the URL")
    if target[1] in (name, *built_on_it):
        raise InvalidSchema("v-canonicalto: the schemas build on each other in a circle")
    base = _whole(entity, target[1], bodies, (name, *built_on_it))
    merged = {**base, **body}
    merged["properties"] = {**base.get("properties", {}), **body.get("properties", {})}
    for key in ("required", *_NAME_LISTS):
        both = [*_names(base.get(key)), *_names(body.get(key))]
        if both:
            merged[key] = list(dict.fromkeys(both))
    opened, own = base.get("v-security"), body.get("v-security") or {}
    if isinstance(opened, dict) and isinstance(own, dict):
        merged["v-security"] = {**opened, **own}
    return merged


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def require_schema_body(entity: str, name: str, body: Any, others: Mapping[str, Json]) -> Schema:
    """The schema that a body is, among the entity's other ones; `InvalidSchema` says why not."""
    if not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
        raise InvalidSchema("properties: found no object, expected the fields of a document")
    if len(orjson.dumps(body)) > LARGEST:
        raise InvalidSchema(f"The schema is larger than {LARGEST} bytes")
    schema = schema_of(entity, name, {**others, name: body})
    for key in _NAME_LISTS:
        given = body.get(key, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise InvalidSchema(f"{key}: expected a list of names")
    for path in schema.indexed:
        if not schema.knows(path):
            raise InvalidSchema(f"v-indexed: there is no property '{path}'")
    _require_counters(schema)
    security_of(body.get("v-security"))
    triggers_of(body)
    schema.require_validator()
    _require_sizes(entity, {**others, name: body})
    return schema


def _require_sizes(entity: str, bodies: Mapping[str, Json]) -> None:
    """Refuse what would make a schema too large, itself or one that builds on it."""
    for name in bodies:
        try:
            whole = schema_of(entity, name, bodies).whole
        except InvalidSchema:  # its base is gone since: it is not used
            continue
        require_size(orjson.dumps(whole))


def _require_counters(schema: Schema) -> None:
    required = schema.whole.get("required")
    for name in schema.auto_increment:
        definition = schema.whole["properties"].get(name)
        if not isinstance(definition, dict) or definition.get("type") != "integer":
            raise InvalidSchema(f"v-auto-increment: '{name}' is no integer property")
        if isinstance(required, list) and name in required:
            raise InvalidSchema(f"v-auto-increment: '{name}' may not be required")
