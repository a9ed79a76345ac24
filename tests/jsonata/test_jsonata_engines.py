"""Both engines answer alike what the accelerator is given."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms_ledger.jsonata import EvaluationError, compile
from tests.jsonata.engines import AT, BOTH, REFERENCE

words = st.sampled_from(["", "handling", "invoiced", "2", "Lamp", "Loja do Zé", "1", "a.b"])
scalars = st.one_of(
    words,
    st.integers(-3, 20000),
    st.sampled_from([0.5, 1.0, 10.25]),
    st.booleans(),
    st.none(),
)
lines = st.fixed_dictionaries(
    {}, optional={"name": scalars, "price": scalars, "quantity": scalars, "tags": st.lists(words)}
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "status": scalars,
        "value": scalars,
        "salesChannel": st.one_of(scalars, st.fixed_dictionaries({"Id": words})),
        "items": st.one_of(lines, st.lists(lines, max_size=4), st.none()),
        "changesAttachment": st.fixed_dictionaries(
            {"changesData": st.lists(st.fixed_dictionaries({"itemsAdded": st.lists(lines)}))}
        ),
    },
)
ALIKE = [
    "status",
    "items",
    "items.name",
    "items.tags",
    "items[0]",
    "items[-1].name",
    "items.tags[0]",
    "(items.tags)[1]",
    'status = "handling"',
    'status != "handling"',
    "status = null",
    "status = value",
    "status in items.name",
    'status in ["handling", "invoiced", 1, null, true]',
    "value > 10000",
    "value >= 1 and value <= 20",
    'value > 10000 and status = "invoiced"',
    'status = "handling" or value',
    '$contains(status, "and")',
    "$exists(items.name)",
    "$exists(status)",
    "$count(items)",
    "$count(items[price > 10])",
    "$sum(items.price)",
    "$sum(items.(price * quantity))",
    "$max(items.price)",
    "$min(items.quantity)",
    "$boolean(items.price)",
    "$boolean(items.tags)",
    "$not(status)",
    "$length(status)",
    "$uppercase(status)",
    "$lowercase(salesChannel.Id)",
    "$substring(status, 1, 3)",
    '$substringBefore(status, "n")',
    '$substringAfter(status, "n")',
    "$trim(status)",
    "$number(status)",
    "$abs(value)",
    "$floor(value)",
    "$string(value)",
    "$string(status)",
    'salesChannel = "2" or salesChannel.Id = "2"',
    'items[name = "Lamp"].price',
    'items[name = "Lamp" and price > 5]',
    "items[quantity]",
    "items[price = $$.value].name",
    "items.(price > 10)",
    "items.price & status",
    "value + 1",
    "value * 2 - 1",
    "value / 4",
    "-value",
    "items = items",
    "items.tags = []",
    "status ? value : items",
    "changesAttachment.changesData.itemsAdded",
    "$count(changesAttachment.changesData.itemsAdded) > 0",
    "changesAttachment.changesData.itemsAdded.name",
    "(status; value)",
    "$.status",
    "$$.items.$$.value",
    "items.$string(name)",
    "$now()",
    "$millis() > 0",
    "$contains(status, /and/)",
    "$contains(items.name, /.*o.* d/i)",
    "$count(items[name ~> /.*lamp.*/i and price >= 1])",
    "$boolean(status ~> /^hand.*g$/)",
    "$exists(salesChannel ~> /2/)",
]


@pytest.mark.parametrize("text", ALIKE)
def test_both_engines_answer_alike(text):
    reference, accelerator = (compile(text, engine) for engine in BOTH)
    assert (reference.engine, accelerator.engine) == BOTH

    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @given(documents)
    def alike(document):
        assert outcome(reference, document) == outcome(accelerator, document)

    alike()


def outcome(expression, document):
    try:
        return expression.value(document, AT), expression.truthy(document, AT)
    except EvaluationError as error:
        return type(error)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(documents, st.sampled_from(ALIKE))
def test_a_document_is_not_changed_by_being_evaluated(document, text):
    before = repr(document)
    outcome(compile(text, REFERENCE), document)
    assert repr(document) == before
