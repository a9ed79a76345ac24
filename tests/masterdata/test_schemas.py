"""What a schema takes over from the one that it builds on, and what is refused there."""

import pytest

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
