import pytest

from oms_ledger.notifications.filters import (
    LONGEST_EXPRESSION,
    FromOrders,
    FromWorkflow,
    InvalidFilter,
    parse_filter,
    unknown_statuses,
)

KNOWN = ["handling", "invoiced", "payment-approved", "on-order-completed", "canceled"]


@pytest.mark.parametrize(
    ("body", "chosen"),
    [
        (None, FromWorkflow()),
        ({}, FromWorkflow()),
        ({"type": None}, FromWorkflow()),
        ({"type": "FromWorkflow"}, FromWorkflow()),
        ({"status": []}, FromWorkflow()),
        ({"status": None}, FromWorkflow()),
        ({"status": ["handling", "no-such"]}, FromWorkflow(("handling", "no-such"))),
        ({"expression": "value > 1"}, FromOrders("value > 1")),
        ({"type": "FromOrders", "expression": "a", "status": []}, FromOrders("a")),
        ({"type": "FromOrders", "expression": "a", "status": None}, FromOrders("a")),
        ({"expression": "a", "disableSingleFire": True}, FromOrders("a", True)),
        ({"expression": "a", "disableSingleFire": None}, FromOrders("a")),
        (
            {"type": "FromWorkflow", "disableSingleFire": False, "status": ["invoiced"]},
            FromWorkflow(("invoiced",)),
        ),
        ({"type": "FromWorkflow", "expression": "", "status": []}, FromWorkflow()),
    ],
)
def test_a_filter_is_read_as_published_clients_mean_it(body, chosen):
    assert parse_filter(body) == chosen


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"type": "FromElsewhere"}, 400, "type"),
        ({"type": 3}, 400, "type"),
        ({"type": ["FromOrders"]}, 400, "type"),
        (["FromOrders"], 400, "filter"),
        ({"status": "handling"}, 400, "status"),
        ({"status": ["handling", 7]}, 400, "status"),
        ({"type": "FromOrders"}, 400, "expression"),
        ({"type": "FromOrders", "expression": "  "}, 400, "expression"),
        ({"type": "FromOrders", "expression": ["a"]}, 400, "expression"),
        ({"expression": "é" * (LONGEST_EXPRESSION // 2) + "e"}, 400, "expression"),
        ({"expression": "a", "disableSingleFire": "yes"}, 400, "disableSingleFire"),
        ({"type": "FromWorkflow", "expression": "a"}, 409, "expression"),
        ({"type": "FromWorkflow", "disableSingleFire": True}, 409, "disableSingleFire"),
        ({"expression": "a", "status": ["handling"]}, 409, "status"),
        ({"type": "FromOrders", "status": ["handling"]}, 409, "status"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_the_name_of_its_field(body, code, field):
    with pytest.raises(InvalidFilter, match=field) as refusal:
        parse_filter(body)
    assert refusal.value.code == code


def test_the_longest_expression_is_accepted():
    assert parse_filter({"expression": "a" * LONGEST_EXPRESSION})


def test_only_an_event_that_changes_the_status_matches():
    assert FromWorkflow(("handling",)).matches("handling", moved=True)
    assert not FromWorkflow(("handling",)).matches("handling", moved=False)
    assert not FromWorkflow(("handling",)).matches("invoiced", moved=True)
    assert not FromWorkflow().matches(None, moved=True)


def test_no_status_named_means_every_one():
    assert FromWorkflow().matches("start-handling", moved=True)
    assert not FromWorkflow().matches("start-handling", moved=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order-completed", "on-order-completed"),
        ("order-create-error", "order-creation-error"),
        ("cancelation-request", "cancellation-requested"),
        ("waiting-for-sellers-confirmation", "waiting-for-authorization"),
    ],
)
def test_both_published_spellings_of_a_status_match(one, other):
    assert FromWorkflow((one,)).matches(other, moved=True)
    assert FromWorkflow((other,)).matches(one, moved=True)
    assert parse_filter({"status": [one]}) == FromWorkflow((one,))


def test_unknown_statuses_are_named_with_the_closest_known_one():
    chosen = FromWorkflow(("handling", "Payment Approved", "invoicd", "zzz", "order-completed"))
    assert unknown_statuses(chosen, KNOWN) == [
        ("Payment Approved", "payment-approved"),
        ("invoicd", "invoiced"),
        ("zzz", None),
    ]
    assert unknown_statuses(FromOrders("a"), KNOWN) == []
