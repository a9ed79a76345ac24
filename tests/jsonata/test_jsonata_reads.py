"""What an expression reads gets from its syntax, and a document cut to it gives the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.jsonata import (
    EvaluationError,
    ExpressionError,
    compile,
    cut_to,
    paths,
)
from tests.jsonata.engines import AT, REFERENCE


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('status = "handling"', "status"),
        ("1 = 1", ""),
        ("items[price > 10].name", "items.name items.price"),
        ("items[$$.value > price]", "items value"),
        ("items[$$.value > price].id", "items.id items.price value"),
        ("$.status", "status"),
        ("$$.items[0].seller", "items.seller"),
        ("`a b`.c", "a b.c"),
        ("($x := items; $x.price > value)", "items.price value"),
        ("$filter(items, function($i) { $i.price = value })[0].id", "items.id items.price value"),
        ("$count($filter(items, function($i) { $i.price = value }))", "items.price value"),
        ("$map(items, function($i) { $i.name })", "items.name"),
        ("$sort(items, function($l, $r) { $l.a > $r.a }).b", "items.a items.b"),
        ("$reduce(items, function($a, $i) { $a + $i.price }, 0)", "items"),
        ("items ~> $map($string)", "items"),
        ("items ~> $filter(function($i) { $i.a })", "items"),
        ("items ~> $count", "items"),
        ("$count(items[a])", "items.a"),
        ("$exists(a.b) ? b : c", "a.b b c"),
        ('items ~> |price|{"x": $$.value}|', "items value"),
        ("items^(price)[0].id", "items.id items.price"),
        ("items{name: price}", "items.name items.price"),
        ('{"s": status, "v": value}', "status value"),
        ("[status, items.name]", "items.name status"),
        ("items.*", "items"),
        ("items.**.price", "items"),
        ("items.$keys()", "items"),
        ("items.name.$uppercase()", "items.name"),
        ("$string(status)", "status"),
        ("(status; value)", "status value"),
        ("status in items.name", "items.name status"),
        ("items[name ~> /a/i].id", "items.id items.name"),
        ("($f := function($i) { $i.price > 3 }; $f(items[0]))", "items"),
        ("($f := function($n) { $n = 0 ? value : $f($n - 1) }; $f(3))", "value"),
        ('p.q[$[$contains($string(courier), "C")]].r', "p.q"),
        ("$", None),
        ("$$", None),
        ("*", None),
        ("**.price", None),
        ("items.%.status", None),
        ("$keys()", None),
        ("$keys($)", None),
        ("$string()", None),
        ("$lookup('status')", None),
        ("($x := $; $x.status = 1 or $x)", None),
        ("($x := $; $x.status)", "status"),
        ("($k := $keys; $k())", None),
        ("(function($k) { $k() })($keys)", None),
        ("function($x)<x-:x>{ $x }()", None),
        ("($f := function() { $x.status }; $x := $$; $f())", None),
        ("($x := a; $f := function() { $x.b }; ($x := c; $f()))", None),
        ("items@$i.status[$i.price > 1]", None),
        ("items#$n[$n = 1].price", None),
        ("status.$$", None),
        ("$ ~> |items|{}|", None),
    ],
)
def test_what_an_expression_reads(text, read):
    found = paths(compile(text).reads)
    assert (None if found is None else sorted(found)) == (
        None if read is None else sorted(split(read))
    )


def split(read):
    return ["a b.c"] if read == "a b.c" else read.split()


def test_a_document_is_cut_to_what_is_read():
    document = {"a": [{"b": 1, "c": 2}, {"c": 3}, 4], "d": {"e": {"f": 1}}, "g": 5}
    reads = compile("a.b and $exists(d.e) and $count(a) > 0").reads
    assert cut_to(document, reads) == {"a": [{"b": 1}, {}, 4], "d": {"e": {}}}
    assert cut_to(document, None) is document


# Random expressions over random documents of the same few names

NAMES = ("a", "b", "c")
names = st.sampled_from(NAMES)
scalars = st.one_of(st.integers(-2, 9), st.sampled_from(["", "x", "yy"]), st.booleans(), st.none())
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.dictionaries(names, inner, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def combined(inner):
    def shaped(*templates):
        return st.builds(
            lambda template, one, other, name: template.format(one, other, name),
            st.sampled_from(templates),
            inner,
            inner,
            names,
        )

    return shaped(
        "{0}.{2}",
        "{0}[{1}]",
        "{0}[0]",
        "({0} = {1})",
        "({0} and {1})",
        "({0} or {1})",
        "({0} & {1})",
        "({0} in {1})",
        "({0} ? {1} : {2})",
        "$count({0})",
        "$exists({0})",
        "$boolean({0})",
        "$string({0})",
        "$keys({0})",
        "$append({0}, {1})",
        "[{0}, {1}]",
        '{{"k": {0}, "l": {1}}}',
        "{0}.*",
        "{0}.({1})",
        "({0}; {1})",
        "($v{2} := {0}; $v{2}.{2})",
        "{0}^({2})",
        "$filter({0}, function($m) {{ $m.{2} }})",
        "$map({0}, function($m) {{ {1} }})",
        "$map({0}, function($m, $n, $all) {{ $all.{2} }})",
        "$reduce({0}, function($m, $n) {{ $n.{2} }}, {1})",
        "$single({0}, function($m) {{ $m.{2} = {1} }})",
        "({0} ~> $count)",
        "({0} ~> |{2}|{{'z': {1}}}|)",
        "{0}{{$string({2}): {1}}}",
        "{0}.$$.{2}",
        "{0}.$string()",
        "($f := function($m) {{ $m.{2} & {1} }}; $f({0}))",
        "$lookup({0}, '{2}')",
        "$not({0})",
        "$distinct({0})",
        "$sort({0}, function($l, $r) {{ $l.{2} > $r.{2} }})",
        "$type({0})",
    )


expressions = st.recursive(
    st.one_of(names, st.sampled_from(["$", "$$", "1", "'x'", "null", "*"])), combined, max_leaves=6
)


def outcome(expression, document):
    try:
        return expression.value(document, AT), expression.truthy(document, AT)
    except EvaluationError as error:
        return type(error)


@settings(max_examples=2500, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(names, documents, max_size=3), expressions)
def test_a_cut_document_gives_what_the_whole_one_gives(document, text):
    try:
        expression = compile(text, REFERENCE)
    except ExpressionError:
        return  # a number has no steps
    whole = outcome(expression, document)
    cut = cut_to(document, expression.reads)
    assert outcome(expression, cut) == whole, (text, document, paths(expression.reads))
