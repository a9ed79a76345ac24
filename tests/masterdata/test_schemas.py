"""What a schema takes over from the one that it builds on, and what is refused there."""

import orjson
import pytest

from oms_ledger.masterdata.json_schema import LARGEST_WHOLE, Compiled, Unusable, stored_validator
from oms_ledger.masterdata.refusals import InvalidSchema
from oms_ledger.masterdata.schemas import require_schema_body

BASE = {"properties": {"a": {"type": "string"}}, "v-security": {"publicRead": ["a"]}}
URL = "https://store.example/api/dataentities/X/schemas/base"


def built_on(body):
    given = {"properties": {}, "v-canonicalto": URL, **body}
    return require_schema_body("X", "own", given, {"base": BASE})


def test_what_the_base_opens_stays_open():
    security = built_on({"v-security": {"publicWrite": ["a"]}}).security
    assert (security.read, security.write) == ({"a"}, {"a"})


@pytest.mark.parametrize("given", ["a", ["a"], 1, True])
def test_security_that_is_no_object_is_refused_beside_that_of_the_base(given):
    with pytest.raises(InvalidSchema, match="v-security: expected an object"):
        built_on({"v-security": given})


def large(name, bytes_, base=None):
    """A schema with a field of its own, that builds on another one of the entity."""
    body = {"properties": {name: {"type": "string", "description": "d" * bytes_}}}
    link = f"https://store.example/api/dataentities/X/schemas/{base}"
    return body if base is None else {**body, "v-canonicalto": link}


@pytest.mark.guarantee("G64")
def test_schemas_that_build_on_each_other_have_a_size_together():
    part = LARGEST_WHOLE // 3
    kept = {"a": large("a", part), "b": large("b", part, "a")}
    with pytest.raises(InvalidSchema, match="those that it builds on"):
        require_schema_body("X", "c", large("c", part, "b"), kept)
    last = large("c", 2 * part // 3, "b")
    require_schema_body("X", "c", last, kept)
    others = {"b": kept["b"], "c": last}
    with pytest.raises(InvalidSchema, match="those that it builds on"):  # the last one would grow
        require_schema_body("X", "a", large("a", part + 80_000), others)


def test_a_schema_that_was_stored_larger_is_not_used():
    whole = {"properties": {"a": {"description": "d" * LARGEST_WHOLE}}}
    assert isinstance(stored_validator(whole), Unusable)


def test_compiled_schemas_are_kept_up_to_a_size():
    texts = [orjson.dumps(large(name, 100)) for name in "abc"]
    compiled = Compiled(2 * len(texts[0]))
    first, second = compiled.of(texts[0]), compiled.of(texts[1])
    assert compiled.of(texts[0]) is first
    compiled.of(texts[2])
    assert compiled.of(texts[0]) is first
    assert compiled.of(texts[1]) is not second
    assert compiled.size == 2 * len(texts[0])
