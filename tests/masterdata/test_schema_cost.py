"""G64: what a schema may cost is counted before it is taken; no document is looked at for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from oms_ledger.masterdata.json_schema import Validator, stored_validator
from oms_ledger.masterdata.refusals import InvalidSchema

Json = dict[str, Any]
NUMBER: Json = {"x": 5}


def schema(field: Json, **definitions: Json) -> Json:
    return {"type": "object", "properties": {"x": field}, "definitions": definitions}


def ref(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}


def doubling(count: int, pair: Callable[[Json], Json]) -> Json:
    """Each definition leads to the next one twice."""
    steps = {f"a{n}": pair(ref(f"a{n + 1}")) for n in range(count)}
    return schema(ref("a0"), **steps, **{f"a{count}": {"type": "string"}})


def below(next_one: Json) -> Json:
    return {"properties": {"c": {"anyOf": [next_one, next_one]}}}


HOSTILE: dict[str, Json] = {
    "any of two, again and again": doubling(40, lambda to: {"anyOf": [to, to]}),
    "all of two": doubling(40, lambda to: {"allOf": [to, to]}),
    "one of two": doubling(40, lambda to: {"oneOf": [to, to]}),
    "a condition and its ends": doubling(40, lambda to: {"if": to, "then": to, "else": to}),
    "what depends on a property": doubling(40, lambda to: {"dependencies": {"a": to, "b": to}}),
    "twice for each level of the document": schema(ref("n"), n=below(ref("n"))),
    "twice for each item of an item": schema(ref("n"), n={"items": ref("n"), "contains": ref("n")}),
    "by name and by pattern": schema(
        ref("n"), n={"properties": {"c": ref("n")}, "patternProperties": {"c": ref("n")}}
    ),
    "a reference to the whole, twice": {
        "properties": {"x": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}
    },
    "a chain of references": schema(
        ref("a0"), **{f"a{n}": ref(f"a{n + 1}") for n in range(5000)}, a5000={}
    ),
    "three hundred alternatives": schema({"anyOf": [{"const": n} for n in range(300)]}),
    "three hundred objects to compare with": schema({"enum": [{"a": n} for n in range(300)]}),
    "another base": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"x": {"$id": "http://a/", "$ref": "#/$defs/n", "$defs": {"n": {}}}},
    },
    "a dynamic reference": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"x": {"$dynamicRef": "#n"}},
    },
}


@pytest.mark.guarantee("G64")
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_schema_that_multiplies_looks_is_refused(hostile: Json):
    with pytest.raises(InvalidSchema):
        Validator(hostile)


def test_what_counts_the_looks_is_bounded_itself():
    """Each definition holds all others against its members: few looks each, very many ways."""
    names = [f"a{n}" for n in range(200)]
    parts = {name: {"properties": {one: ref(one) for one in names}} for name in names}
    with pytest.raises(InvalidSchema, match="too many parts"):
        Validator(schema(ref("a0"), **parts))


ORDINARY: dict[str, tuple[Json, Any, Any]] = {
    "a tree": (
        schema(ref("n"), n={"properties": {"children": {"type": "array", "items": ref("n")}}}),
        {"children": [{"children": []}]},
        {"children": [{"children": 5}]},
    ),
    "an expression of two kinds": (
        schema(
            ref("e"),
            e={"oneOf": [{"type": "string"}, ref("both"), ref("either")]},
            both={
                "type": "object",
                "required": ["and"],
                "properties": {"and": {"type": "array", "items": ref("e")}},
            },
            either={
                "type": "object",
                "required": ["or"],
                "properties": {"or": {"type": "array", "items": ref("e")}},
            },
        ),
        {"and": ["a", {"or": ["b", {"and": ["c"]}]}]},
        {"and": ["a", {"or": [5]}]},
    ),
    "a tuple of many places": (
        schema({"items": [{"type": "integer"}] * 500}),
        list(range(500)),
        [*range(499), "x"],
    ),
    "ids that only name a place": (
        schema({"$id": "#/properties/x", "type": "string"}),
        "a",
        5,
    ),
    "a hundred alternatives": (
        schema({"anyOf": [{"const": n} for n in range(100)]}),
        99,
        100,
    ),
}


@pytest.mark.parametrize("case", ORDINARY.values(), ids=ORDINARY.keys())
def test_an_ordinary_schema_is_taken(case: tuple[Json, Any, Any]):
    body, good, bad = case
    validator = Validator(body)
    assert validator.valid({"x": good})
    assert not validator.valid({"x": bad})


def test_an_entity_of_many_fields_is_taken():
    fields = {f"f{n}": {"type": "string", "maxLength": 50} for n in range(2000)}
    validator = Validator({"properties": fields, "additionalProperties": False})
    assert validator.valid({"f7": "a"})
    assert not validator.valid({"g": "a"})


def test_a_stored_schema_that_is_refused_today_takes_no_document():
    stored = stored_validator(HOSTILE["any of two, again and again"])
    assert not stored.valid(NUMBER)
    (problem,) = stored.problems(NUMBER)
    assert "more than 256 times" in problem.message


@pytest.mark.guarantee("G64")
def test_of_a_document_with_very_many_problems_the_first_is_reported():
    alternatives = [{"type": "object", "required": [f"a{n}"]} for n in range(100)]
    validator = Validator(schema({"items": {"anyOf": alternatives}}))
    few, many = {"x": [{"b": 1}] * 3}, {"x": [{"b": 1}] * 4000}
    assert [one.field for one in validator.problems(few)] == ["x[0]", "x[1]", "x[2]"]
    assert [one.field for one in validator.problems(many)] == ["x[0]"]
    codes = Validator(schema({"items": {"enum": [f"c{n}" for n in range(5000)]}}))
    assert [one.field for one in codes.problems({"x": ["d"] * 4000})] == ["x[0]"]
    assert codes.problems({"x": ["c4999"] * 4000}) == []
