"""The interpreter of mail templates: what it writes, and what it refuses."""

import time

import pytest

from oms_ledger.notifications.templates import TemplateError, render

DATA = {
    "a": {"b": "<Ana & co>"},
    "items": [{"name": "one", "price": 20000}, {"name": "two", "price": 5}],
    "value": 20000,
    "at": "2050-05-31T00:00:00Z",
    "estimate": "3bd",
    "yes": True,
    "no": False,
    "none": None,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{a.b}}!", "Hi &lt;Ana &amp; co&gt;!"),
        ("{{{a.b}}}", "<Ana & co>"),
        ("{{items.0.name}}{{items.[1].name}}{{items.9.name}}", "onetwo"),
        ("{{items.².name}}{{items.%s.name}}" % ("9" * 5000), ""),
        ("{{#eq value %s}}same{{else}}other{{/eq}}" % ("9" * 5000), "other"),
        ("{{missing}}{{none}}{{yes}}", "true"),
        ("{{#if yes}}y{{else}}n{{/if}}{{#if no}}y{{else}}n{{/if}}", "yn"),
        ("{{#unless no}}u{{/unless}}", "u"),
        ("{{#each items}}{{@index}}:{{this.name}}/{{name}}/{{../value}};{{/each}}",
         "0:one/one/20000;1:two/two/20000;"),
        ("{{#each none}}x{{else}}empty{{/each}}", "empty"),
        ("{{#eq value 20000}}same{{/eq}}{{#eq a.b 'x'}}n{{else}}other{{/eq}}", "sameother"),
        ("{{#hasSubStr a.b 'Ana'}}has{{/hasSubStr}}", "has"),
        ("{{formatCurrency value}}|{{formatUSDCurrency value}}", "200,00|200.00"),
        ("{{formatCurrencyWithoutDecimals value}}|{{multiplyCurrency value 4}}", "200|800,00"),
        ("{{formatDate at}} {{formatUSDate at}} {{formatDateTime at}}",
         "30/05/2050 05/30/2050 30/05/2050 21:00:00"),
        ("{{replace estimate \"bd\" \" business days\"}}", "3 business days"),
        ("{{! a comment }}x", "x"),
        ("{ {!notours} }", "{ {!notours} }"),
        ("{{formatCurrency missing}}|{{formatDate value}}", "|20000"),
        ("{{multiplyCurrency '1e999999' '1e999999'}}|{{formatCurrency 'sNaN'}}", "|sNaN"),
        ("{{formatCurrencyWithoutDecimals '1e999999'}}", "1e999999"),
        ("{{this}}", "[object Object]"),
    ],
)  # fmt: skip
def test_templates_are_filled_in(source: str, expected: str) -> None:
    assert render(source, DATA, "America/Sao_Paulo") == expected


@pytest.mark.parametrize(
    "source",
    ["{{#if a}}", "{{/if}}", "{{#if a}}{{/each}}", "{{#nope a}}{{/nope}}", "{{else}}",
     "{{#if a}}" * 40 + "{{/if}}" * 40, "x" * 300_000],
)  # fmt: skip
def test_broken_templates_are_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, DATA)


def test_work_and_output_are_bounded() -> None:
    data = {"a": list(range(1000))}
    began = time.process_time()
    for source in ("{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}",
                   "{{#each a}}" + "y" * 2000 + "{{/each}}",
                   f"{{{{replace '{'a' * 100_000}' 'a' '{'b' * 100_000}'}}}}"):  # fmt: skip
        with pytest.raises(TemplateError):
            render(source, data)
    assert time.process_time() - began < 5


def test_values_are_never_looked_at_again() -> None:
    assert render("{{{a}}}", {"a": "{{b}}{!c}", "b": "x"}) == "{{b}}{!c}"


def test_attributes_of_python_are_out_of_reach() -> None:
    assert render("{{a.__class__}}{{a.upper}}", {"a": "x"}) == ""
