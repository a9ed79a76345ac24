"""JSON Schema as Master Data takes it: nothing is fetched, patterns take linear time.

Draft 7 unless `$schema` names another. `required: true` inside a property and unknown keywords are
ignored. A cycle of `$ref`s that never comes to a value is refused.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from threading import Lock
from typing import Any

import jsonschema_rs
import orjson

from oms_ledger.masterdata.limits import count_values
from oms_ledger.masterdata.refusals import InvalidSchema, Problem
from oms_ledger.masterdata.schema_cost import MOST_LOOKS, most_looks
from oms_ledger.whole_numbers import is_whole

MOST_PROBLEMS = 100
MOST_LOOKED_AT = 20_000
"""Values of a document times looks of a schema for which all problems are reported."""

LARGEST_WHOLE = 512 * 1024
"""Bytes of a schema with what it takes over: sixty may build on each other."""
MOST_KEPT = 64 * 1024 * 1024
"""Bytes of schemas whose validators a process keeps; a validator takes about as much again."""

_DRAFTS: Mapping[str, type[Any]] = {
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
}

Json = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_FORMATS = {"uuid": lambda text: _UUID.fullmatch(text) is not None}
"""Formats that are asserted whatever the draft; Draft 7 does not know them."""


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"{uri} leads out of the schema")


class Validator:
    """A compiled schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        plain = _plain(dict(schema))
        _require_local(plain)
        self._looks = most_looks(plain, partial(_in_place, plain))
        draft = str(schema.get("$schema") or "").rstrip("#")
        validator = _DRAFTS.get(draft, jsonschema_rs.Draft7Validator)
        try:
            self._validator = validator(
                plain,
                validate_formats=True,
                ignore_unknown_formats=True,
                formats=_FORMATS,
                retriever=_refuse_to_fetch,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (jsonschema_rs.ValidationError, ValueError) as error:
            raise InvalidSchema(f"The schema is not valid: {_first_line(error)}") from None

    def valid(self, document: Mapping[str, Any]) -> bool:
        """Whether the document complies; dearer schemas are refused before they get here."""
        return bool(self._validator.is_valid(dict(document)))

    def _errors(self, document: Json) -> Iterable[jsonschema_rs.ValidationError]:
        """The library makes all problems of a document before it gives the first."""
        if self.valid(document):
            return ()
        if count_values(document) * self._looks <= MOST_LOOKED_AT:
            errors: Iterable[jsonschema_rs.ValidationError] = self._validator.iter_errors(document)
            return errors
        try:
            self._validator.validate(document)
        except jsonschema_rs.ValidationError as first:
            return (first,)
        return ()

    def problems(self, document: Mapping[str, Any]) -> list[Problem]:
        """What is wrong, at most `MOST_PROBLEMS`; fields that are missing in one problem.

        Of a document of which very much could be wrong it is the first problem alone.
        """
        found, missing = list[Problem](), list[str]()
        for error in self._errors(dict(document)):
            place = _place(error.instance_path)
            fields = error.kind.as_dict()
            match error.kind.name:
                case "required":
                    missing.append(f"{place}.{fields['property']}".lstrip("."))
                case "type":
                    expected = " or ".join(_type_name(name) for name in fields["types"])
                    text = f"Invalid type. Expected {expected} but got {_type_of(error.instance)}."
                    found.append(Problem(text, place))
                case "additionalProperties":
                    field = f"{place}.{fields['unexpected'][0]}".lstrip(".")
                    found.append(Problem(error.message[:500], field))
                case _:
                    found.append(Problem(error.message[:500], place))
            if len(found) + len(missing) >= MOST_PROBLEMS:
                break
        if missing:
            text = f"Required properties are missing from object: {', '.join(missing)}."
            found.insert(0, Problem(text, missing[0]))
        return found


class Unusable(Validator):
    """In place of a schema that was stored when more was taken: nothing is valid by it."""

    def __init__(self, why: InvalidSchema) -> None:
        self._why = str(why)

    def valid(self, _: Mapping[str, Any]) -> bool:
        """Never, whatever the document is."""
        return False

    def problems(self, _: Mapping[str, Any]) -> list[Problem]:
        """The one problem that the schema itself is, at no field."""
        return [Problem(self._why, "")]


class Compiled:
    """Validators by the text of their schema, of so many bytes of schemas; the least used go."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most, self.size = most, 0
        self._kept: OrderedDict[bytes, Validator] = OrderedDict()
        self._lock = Lock()

    def of(self, schema: bytes) -> Validator:
        """The schema's validator; `Unusable` for one that is not taken any more."""
        with self._lock:
            if (known := self._kept.get(schema)) is not None:
                self._kept.move_to_end(schema)
                return known
        made = _compiled(schema)  # by each thread that comes at the same time
        with self._lock:
            if schema not in self._kept:
                self._kept[schema] = made
                self.size += len(schema)
            while self.size > self._most:
                self.size -= len(self._kept.popitem(last=False)[0])
        return made


def _compiled(schema: bytes) -> Validator:
    try:
        require_size(schema)
        return Validator(orjson.loads(schema))
    except InvalidSchema as why:
        return Unusable(why)


_COMPILED = Compiled()


def require_size(schema: bytes) -> None:
    """Refuse a schema that is too large with what it takes over from others."""
    if len(schema) > LARGEST_WHOLE:
        raise InvalidSchema(
            f"The schema and those that it builds on are larger than {LARGEST_WHOLE} bytes"
        )


def stored_validator(schema: Mapping[str, Any]) -> Validator:
    """The validator of a schema that was taken once."""
    return _COMPILED.of(orjson.dumps(schema))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]


def _place(path: list[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).lstrip(".")


def _type_name(name: str) -> str:
    return {"number": "Float"}.get(name, name.capitalize())


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "Float"
        case str():
            return "String"
        case list():
            return "Array"
        case _:
            return "Object"


_MAPS = (
    "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies",
)  # fmt: skip
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONES = (
    "items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if",
    "then", "else", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


def _plain(schema: Any) -> Any:
    """The schema without what only Master Data knows, and without Draft 3's `required: true`."""
    if not isinstance(schema, dict):
        return schema
    fields: Json = {}
    for name, value in schema.items():
        if name.startswith("v-") or name == "$schema":
            continue
        if name == "required" and isinstance(value, bool):
            continue
        if name in _MAPS and isinstance(value, dict):
            fields[name] = {key: _plain(member) for key, member in value.items()}
        elif (name in _LISTS or name == "items") and isinstance(value, list):
            fields[name] = [_plain(member) for member in value]
        elif name in _ONES:
            fields[name] = _plain(value)
        else:
            fields[name] = value
    return fields


def _require_local(schema: Json) -> None:
    """Refuse a `$ref` that leads out of the schema, or back to itself without a value between."""
    state: dict[int, bool] = {}

    def visit(node: Any, depth: int) -> None:
        if not isinstance(node, dict) or state.get(id(node)) is False:
            return
        if state.get(id(node)) or depth > MOST_LOOKS:
            raise InvalidSchema("The schema is not valid: a $ref that never ends")
        state[id(node)] = True
        for next_node in _in_place(schema, node):
            visit(next_node, depth + 1)
        state[id(node)] = False

    for node in _every(schema):
        visit(node, 0)


def _every(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _every(value)
    elif isinstance(node, list):
        for value in node:
            yield from _every(value)


def _in_place(root: Json, node: Json) -> Iterator[Any]:
    """The schemas that evaluate the same value as the node does."""
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield _resolved(root, reference)
    for name in ("allOf", "anyOf", "oneOf"):
        members = node.get(name)
        yield from members if isinstance(members, list) else ()
    for name in ("not", "if", "then", "else"):
        if name in node:
            yield node[name]
    for name in ("dependencies", "dependentSchemas"):
        members = node.get(name)
        yield from members.values() if isinstance(members, dict) else ()


def _resolved(root: Json, reference: str) -> Any:
    if not reference.startswith("#"):
        raise InvalidSchema(f"The schema is not valid: $ref {reference[:100]} leads out of it")
    node: Any = root
    for step in reference[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and is_whole(step, 9) and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            raise InvalidSchema(f"The schema is not valid: $ref {reference[:100]} leads nowhere")
    return node
