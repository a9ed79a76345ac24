"""Text of outsiders as databases take it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_ledger.http_client.answers import read_json
from oms_ledger.plain_text import holds_nul, plain, plain_values

pytestmark = pytest.mark.unit

PARTS = st.sampled_from(["\x00", "\\", "u0000", "a", '"', "\n", "\x1b"])
TEXTS = st.lists(PARTS, max_size=12).map("".join)


@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS), max_size=4))
def test_nul_is_found_in_json_wherever_it_is_one(value):
    held = "\x00" in "".join([*value, *("".join(one) for one in value.values())])
    assert holds_nul(orjson.dumps(value)) == held
    assert not holds_nul(orjson.dumps(plain_values(value)))


def test_lines_and_tabs_stay_and_other_controls_are_shown_as_what_they_are():
    assert plain("a\tb\r\nc\x00\x1b\x85\ud800d") == "a\tb\r\nc" + "\ufffd" * 4 + "d"
    assert plain_values({"a\x00": ["\x07", 1, None]}) == {"a\ufffd": ["\ufffd", 1, None]}


def test_an_answer_that_is_nested_too_deeply_is_no_json():
    deep = b"[" * 1000 + b'"\\u0000"' + b"]" * 1000
    with pytest.raises(orjson.JSONDecodeError):
        read_json(deep)
    assert read_json(b'["a\\u0000"]') == ["a\ufffd"]
