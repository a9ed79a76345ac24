"""Bounds of evaluations: a corpus of hostile expressions, each of which ends."""

import pytest
import re2

from oms_ledger.jsonata import (
    BoundExceeded,
    EvaluationError,
    ExpressionError,
    compile,
    require_hope,
)
from oms_ledger.jsonata.cache import BytesCache
from tests.jsonata.engines import (
    AT,
    ORDER,
    REFERENCE,
    on_both_engines,
    truthy,
    value,
)
from tests.support.hostile_expressions import HOSTILE, LINEAR, REFUSED, UNKNOWN_TO_RE2

OUT_OF_REACH = 1_000_000  # so much patience that the clock stops nothing


@on_both_engines
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_expression_ends_with_an_error(text, engine):
    with pytest.raises((BoundExceeded, EvaluationError, ExpressionError)):
        value(text, ORDER, engine)


@pytest.mark.guarantee("G64")
@on_both_engines
@pytest.mark.parametrize(("text", "answer"), LINEAR.values(), ids=LINEAR.keys())
def test_a_pattern_that_would_backtrack_is_answered(text, answer, engine):
    assert compile(text, engine).value(ORDER, AT, OUT_OF_REACH) == answer


@pytest.mark.guarantee("G64")
@on_both_engines
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_out_of_bounds_is_refused_uncompiled(text, engine, monkeypatch):
    monkeypatch.setattr("re2.compile", lambda *_: pytest.fail("a pattern was compiled"))
    with pytest.raises(ExpressionError):
        compile(text, engine)


@pytest.mark.guarantee("G64")
@on_both_engines
@pytest.mark.parametrize("text", UNKNOWN_TO_RE2.values(), ids=UNKNOWN_TO_RE2.keys())
def test_what_re2_cannot_do_is_refused_at_configuration(text, engine):
    assert compile(text, engine).patterns
    with pytest.raises(ExpressionError, match="The pattern"):
        require_hope(text)
    with pytest.raises(EvaluationError, match="The pattern"):
        value(text, {"s": "ab"}, engine)


@pytest.mark.guarantee("G64")
def test_patterns_are_compiled_when_an_evaluation_reaches_them(monkeypatch):
    monkeypatch.setattr("oms_ledger.jsonata._children", [None])  # in this process
    compiled, compile_ = [], re2.compile

    def compiling(pattern, *more):
        compiled.append(pattern)
        return compile_(pattern, *more)

    monkeypatch.setattr("re2.compile", compiling)
    expression = compile("$exists(a) and $contains(a, /(x|y){3}z*/)")  # in no other test's cache
    assert not compiled
    assert not expression.truthy({}, AT)
    assert not compiled
    assert expression.truthy({"a": "xyx"}, AT)
    assert compiled == ["(x|y){3}z*"]


def test_a_pattern_is_written_as_in_javascript():
    assert truthy(r"$contains(s, /caf\u00e9$/)", {"s": "café"})
    assert truthy(r"$contains(s, /^\\u00e9$/)", {"s": "\\u00e9"})
    assert truthy(r"$contains(s, /a\/b\-c/i)", {"s": "A/B-C"})
    assert truthy("$contains(s, /^b$/m)", {"s": "a\nb\nc"})
    assert not truthy("$contains(s, /^b$/)", {"s": "b\n"})
    assert (
        value("$match(s, /(?<name>x)(y)?/)", {"s": "éx"})
        == [{"match": "x", "index": 1, "groups": ["x", None]}]
        or value("$match(s, /x/).index", {"s": "éx"}) == 1
    )


def test_the_cache_of_expressions_is_weighed_in_bytes():
    cache: BytesCache[str] = BytesCache(100)
    made = []

    def make(key):
        made.append(key)
        return key

    def get(key, weight):
        return cache.get(key, lambda: make(key), weight)

    assert [get("a", 40), get("b", 40), get("a", 40)] == ["a", "b", "a"]
    assert made == ["a", "b"]
    get("c", 40)  # b was asked for least
    assert cache.weight == 80
    get("a", 40)
    get("b", 40)
    assert made == ["a", "b", "c", "b"]
    get("large", 1000)
    assert cache.weight == 1000


@on_both_engines
def test_a_stopped_evaluation_says_which_bound_it_met(engine):
    """The clock is out of reach: what is counted stops it, on a machine of any speed."""
    bounds = {
        HOSTILE["wide padding"]: "size",
        HOSTILE["an endless recursion"]: "depth",
        HOSTILE["an endless loop"]: "steps",
        HOSTILE["a transform that doubles"]: "steps",
        HOSTILE["a large pattern in a long text"]: "steps",
    }
    for text, bound in bounds.items():
        with pytest.raises(BoundExceeded) as stopped:
            compile(text, engine).value(ORDER, AT, OUT_OF_REACH)
        assert stopped.value.bound == bound


def test_the_clock_stops_what_takes_too_long():
    expression = compile("$sum([1..400].($ * 2)) > 0", REFERENCE)
    assert expression.truthy(ORDER, AT, OUT_OF_REACH)
    with pytest.raises(BoundExceeded) as stopped:
        expression.truthy(ORDER, AT, 0)
    assert stopped.value.bound == "time"


def test_after_a_stopped_evaluation_the_next_one_is_unharmed():
    for text in HOSTILE.values():
        with pytest.raises((EvaluationError, ExpressionError)):
            value(text, ORDER)
        assert value("$count(items)", ORDER) == 2


@on_both_engines
def test_a_long_chain_of_alternatives_is_no_deep_recursion(engine):
    chain = " or ".join(f'status = "{number}"' for number in range(300))
    assert not truthy(chain, engine=engine)
    assert truthy(f'{chain} or status = "invoiced"', engine=engine)


@on_both_engines
def test_an_order_of_many_items_stays_within_the_bounds(engine):
    items = [{**item, "id": str(number)} for number in range(250) for item in ORDER["items"]]
    assert value("$sum(items[quantity > 1].(price * quantity))", {"items": items}, engine)


def test_an_expression_that_its_bounds_always_stop_is_refused_when_it_is_configured():
    for text in (HOSTILE["a huge range"], HOSTILE["an endless recursion"]):
        with pytest.raises(ExpressionError, match="whatever the order"):
            require_hope(text)
    assert require_hope("value > 1").text == "value > 1"
    assert require_hope('"a" + 1')
    assert require_hope("$exists(items) ? true : $sum([1..10000000])")
