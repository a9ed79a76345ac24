"""Bounds of evaluations: a corpus of hostile expressions, each of which ends."""

import pytest

from oms_ledger.jsonata import (
    BoundExceeded,
    EvaluationError,
    ExpressionError,
    require_hope,
)
from tests.jsonata.engines import (
    ORDER,
    on_both_engines,
    truthy,
    value,
)

DOUBLING = "$reduce([1..60], function($a, $b) { %s }, %s)"
HOSTILE = {
    "a huge range": "[1..10000000]",
    "a sum over a huge range": "$sum([1..9000000])",
    "a fold over a huge range": "$reduce([1..10000000], function($a, $b) { $a }, 1)",
    "a string that doubles": DOUBLING % ("$a & $a", '"ab"'),
    "a recursion that doubles": (
        '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("aaaa", 40))'
    ),
    "an array that doubles": DOUBLING % ("$append($a, $a)", "[1, 2]"),
    "a shared array written out": "$string(" + DOUBLING % ("[[$a, $a]]", "1") + ")",
    "a shared object compared": "($o := {0}; $p := {0}; $o = $p)".replace(
        "{0}", DOUBLING % ('{"a": $a, "b": $a}', "1")
    ),
    "a shared object walked": "$count(" + DOUBLING % ('{"a": $a, "b": $a}', "1") + ".**)",
    "a shared array cast": DOUBLING % ("[[$a], [$a]]", "0"),
    "a transform that doubles": DOUBLING % ('$a ~> |$|{"x": $a, "y": $a}|', '{"a": 1}'),
    "wide padding": '$pad("x", 1000000000)',
    "padding to the left": '$pad("x", -1000000000)',
    "a replacement that multiplies": (
        '$replace($pad("", 100000, "a"), "a", $pad("", 100000, "b"))'
    ),
    "a pattern that multiplies": '$replace($pad("", 99999, "a"), /a/, $pad("", 99999, "b"))',
    "a join that multiplies": '$join([1..9000].$string($), $pad("", 60000, "a"))',
    "an endless recursion": "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "an endless loop": "($f := function($n) { $f($n + 1) }; $f(0))",
    "recursion of two": "($f := function() { $g() }; $g := function() { $f() }; $f())",
    "the fixed point": "(function($x) { $x($x) })(function($x) { $x($x) })",
    "nested ranges": "[1..5000].([1..5000])",
    "nested maps": "$map([1..3000], function($x) { $map([1..3000], function($y) { $y }) })",
    "a cross join": "[1..1000].($a := $; [1..1000].($a * $))",
    "a slow sort": "$sort([1..9000], function($a, $b) { $a < $b })",
    "a quadratic distinct": '$distinct([1..9000].{"a": $})',
    "a catastrophic pattern": f'$contains("{"a" * 44}!", /^(a|aa)+$/)',
    "alternatives that overlap": f'$contains("{"ab" * 44}!", /^(ab|abab)+$/)',
    "a back reference": rf'$match("{"a" * 44}!", /^(a|aa)+\1$/)',
    "a split that backtracks": f'$split("{"a" * 44}!", /^(a|aa)+$/)',
    "a replacement that backtracks": f'$replace("{"a" * 44}!", /^(a|aa)+$/, "")',
    "matches within matches": '$match($pad("", 60000, "a"), /(?=(a*))/)',
    "a date of many digits": '$toMillis("{}", "{}")'.format("1" * 300, "[Y]" * 30),
    "a year of a billion digits": '$fromMillis(1, "[Y,1-1000000000]")',
    "a nest of arrays": "$reduce([1..500], function($a, $b) { [[$a]] }, 1)",
    "letters of letters": "$reduce([1..60], function($a, $b) { $base64encode($a) }, 'abcdef')",
    "descendants of descendants": ".".join(["**"] * 40),
}


@on_both_engines
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_expression_ends_with_an_error(text, engine):
    with pytest.raises((BoundExceeded, EvaluationError, ExpressionError)):
        value(text, ORDER, engine)


@on_both_engines
def test_a_stopped_evaluation_says_which_bound_it_met(engine):
    bounds = {
        HOSTILE["wide padding"]: "size",
        HOSTILE["an endless recursion"]: "depth",
        HOSTILE["an endless loop"]: "steps",
        HOSTILE["a catastrophic pattern"]: "time",
    }
    for text, bound in bounds.items():
        with pytest.raises(BoundExceeded) as stopped:
            value(text, ORDER, engine)
        assert stopped.value.bound == bound


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
