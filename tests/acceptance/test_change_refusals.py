"""Every published message of a refused change, and the test in which somebody gets it."""

import inspect

import pytest

from oms_ledger.eventstore import ledger
from tests.acceptance import test_external_agreements as outside
from tests.acceptance import test_modifications as v2
from tests.acceptance import test_registered_changes as v1
from tests.orders.changes.test_v1 import REFUSED as REFUSED_V1
from tests.orders.changes.test_v2 import REFUSED as REFUSED_V2
from tests.support.published_refusals import PUBLISHED


def test_settings_that_others_change_all_the_time_are_refused_for_a_moment(client, monkeypatch):
    monkeypatch.setattr(ledger, "ATTEMPTS", 0)
    fields = {"rolloutConfiguration": {"enableApi": False}}
    answer = client.call("PUT", f"{v2.SYSTEM}/changes/settings", fields)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (409, "SalesOrderSystem019")
    assert error["message"] == "Cannot Update Change Order Settings."
    assert answer.header("Retry-After") == "1"


# What no decision about a request refuses: by code or message, the test that shows it over HTTP.
SHOWN_V1 = {
    "500 Internal Server Error": v1.test_an_increase_that_the_gateway_does_not_take_is_refused,
}
SHOWN_V2 = {
    "CHK0201": v2.test_what_is_not_there_is_said_so,
    "CHK0289": v2.test_what_is_not_there_is_said_so,
    "SalesOrderSystem014": v2.test_while_it_is_in_progress_invoices_and_changes_wait,
    "SalesOrderSystem016": v2.test_after_five_tries_it_waits_for_retry,
    "SalesOrderSystem017": v2.test_a_request_is_given_up_after_a_day_and_its_payment_set_back,
    "SalesOrderSystem018": outside.test_a_seller_that_refuses_is_not_called_again,
    "SalesOrderSystem019": test_settings_that_others_change_all_the_time_are_refused_for_a_moment,
    "SalesOrderSystem027": v2.test_settings_are_the_accounts_until_a_request_has_its_own,
    "SalesOrderSystem035": v2.test_a_wrong_agreement_is_named,
}
# Of a change given to an order group, which is asked of connectors and not of us.
NEVER = {"CHK0199"}


@pytest.mark.parametrize(("name", "test"), [*SHOWN_V1.items(), *SHOWN_V2.items()])
def test_the_test_that_is_named_names_the_code_or_its_message(name, test):
    source = inspect.getsource(test)
    message = PUBLISHED["v2"].get(name, name).replace("{0}", "none")
    assert name in source or message in source


def test_every_published_message_of_v1_is_got_by_somebody():
    got = {refusal.text for _, _, refusal in REFUSED_V1} | SHOWN_V1.keys()
    assert set(PUBLISHED["v1"]) <= got


def test_every_published_code_of_v2_is_got_by_somebody():
    got = {code for _, _, code in REFUSED_V2} | SHOWN_V2.keys()
    assert set(PUBLISHED["v2"]) == got | NEVER
