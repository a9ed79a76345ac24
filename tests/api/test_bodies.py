import asyncio
import json
from typing import Any, cast

import pytest
from fastapi import Request

from oms_ledger.api.http.bodies import (
    Body,
    Cents,
    json_body,
    parse,
)
from oms_ledger.api.http.errors import ApiError

MIB = 1024 * 1024


class Sent:
    """As much of a request as has a body."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.scope: dict[str, Any] = {"state": {}}

    async def body(self) -> bytes:
        return self.raw


def read(raw: bytes) -> Any:
    return asyncio.run(json_body(cast(Request, Sent(raw))))


def refusal(raw: bytes) -> str:
    with pytest.raises(ApiError) as refused:
        read(raw)
    assert (refused.value.status, refused.value.code) == (400, "OMS004")
    return refused.value.message


@pytest.mark.parametrize("raw", [b"", b" \n", b"\xef\xbb\xbf", b"null"])
def test_nothing_is_none(raw):
    assert read(raw) is None


def test_a_body_is_read_as_it_stands():
    value = {"a": [1, -2.5, "é😀", True, None, {"b": {}}], "max": 2**53, "min": -(2**53)}
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False).encode("utf-8-sig")) == value


def test_64_levels_are_deep_enough_and_strings_may_have_1_MiB():
    assert read(b"[" * 64 + b"]" * 64)
    assert read(b'["' + b"x" * MIB + b'"]') == ["x" * MIB]
    assert read(b'"' + b"[" * 1000 + b'"') == "[" * 1000


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a":\n 1,}', "line 2, column"),
        (b'{"a":"\xff"}', "no UTF-8 at byte 6"),
        ('{"a": 1}'.encode("utf-16"), "no UTF-8 at byte 0"),
        (b'{"items":[{"price":NaN}]}', "items[0].price: NaN is no JSON number"),
        (b'{"a":[1,-Infinity]}', "a[1]: a number beyond 2^53"),
        (b'{"a":1e999}', "a: a number beyond 2^53"),
        (b"9007199254740993", "The body: a number beyond 2^53"),
        (b'{"a":{"b":-9007199254740993}}', "a.b: a number beyond 2^53"),
        (b'[0,{"x":{"k":1,"k":1}}]', '[1].x: the key "k" stands twice'),
        (b'{"a":{"k":1,"\\u006b":2}}', 'a: the key "k" stands twice'),
        (b'{"a":["\\ud800"]}', "a[0]: half of a surrogate pair"),
        (b'{"a":{"\\udfff":1}}', "half of a surrogate pair"),
        (b'{"a":' * 64 + b"[1]" + b"}" * 64, "nested deeper than 64"),
        (b"{'a':1}", "line 1, column 2"),
        (b'{"a":1} {"b":2}', "Extra data"),
        (b'{"a":"\n"}', "control character"),
    ],
)
def test_a_body_that_is_no_strict_json_is_refused_with_its_place(raw, message):
    assert message in refusal(raw)


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[" * 100_000, "line 1, column 65: nested deeper than 64"),
        (b'{"a":' * 100_000, "nested deeper than 64"),
        (b'["[[",\n' + b"[" * 100_000, "line 2, column 64: nested deeper than 64"),
        (b'{"n":' + b"9" * 1_000_000 + b"}", "n: a number beyond 2^53"),
        (b'{"n":-' + b"9" * 5_000 + b"}", "n: a number beyond 2^53"),
        (b'{"s":["' + b"x" * (MIB + 1) + b'"]}', "s[0]: a string longer than 1 MiB"),
        (b'{"s":"' + "é".encode() * (MIB // 2 + 1) + b'"}', "s: a string longer than 1 MiB"),
        (b'{"' + b"k" * (MIB + 1) + b'":1}', "a string longer than 1 MiB"),
        (b'"' + b'\\"' * 500_000, "line 1, column 1"),
    ],
)  # fmt: skip
def test_hostile_bodies_are_refused_in_short(raw, message):
    fields = refusal(raw)
    assert message in fields
    assert len(fields) < 200


class Line(Body):
    sku_id: str
    quantity: int
    unit_price: Cents | None = None


class Cart(Body):
    items: list[Line]


def problem(value: Any) -> str:
    with pytest.raises(ApiError) as refused:
        parse(Cart, value)
    assert (refused.value.status, refused.value.code) == (400, "OMS004")
    return refused.value.message


def test_camel_case_outside_snake_case_inside_and_the_unknown_ignored():
    (line,) = parse(Cart, {"items": [{"skuId": "1", "quantity": 2, "more": {}}], "x": 1}).items
    assert (line.sku_id, line.quantity, line.unit_price) == ("1", 2, None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "The body: found nothing, expected an object"),
        ([1], "The body: found a list of 1, expected an object"),
        ({}, "items: found nothing, expected a value"),
        ({"items": 5}, "items: found 5, expected a list"),
        ({"items": [5]}, "items[0]: found 5, expected an object"),
        (
            {"items": [{"skuId": "1", "quantity": "two"}]},
            'items[0].quantity: found "two", expected an integer',
        ),
        (
            {"items": [{"skuId": {"a": 1}, "quantity": 1}]},
            "items[0].skuId: found an object, expected a string",
        ),
    ],
)
def test_a_problem_names_field_found_and_expected(value, message):
    assert problem(value) == message


@pytest.mark.guarantee("G53")
def test_only_the_first_problems_are_reported_and_in_short():
    fields = problem({"items": ["x" * MIB] * 1000})
    assert fields.count("expected an object") == 3
    assert len(fields) < 500


@pytest.mark.parametrize(
    ("sent", "cents"), [(0, 0), (1999, 1999), (1999.0, 1999), ("1999", 1999), ("-5", -5)]
)
def test_money_is_an_integer_or_digits(sent, cents):
    value = {"items": [{"skuId": "1", "quantity": 1, "unitPrice": sent}]}
    assert parse(Cart, value).items[0].unit_price == cents


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "sent",
    [
        19.99,
        19.5,
        19.000001,
        float("nan"),
        1e16,
        True,
        "19.99",
        "1e3",
        "--5",
        "",
        "٣",
        "9" * 16,
        "9" * 5000,
        [1],
    ],
)
def test_other_money_is_refused(sent):
    fields = problem({"items": [{"skuId": "1", "quantity": 1, "unitPrice": sent}]})
    assert fields.startswith("items[0].unitPrice: found ")
    assert fields.endswith("expected an integer of cents, or a string of digits")
