"""Which result a connector is told for each refusal."""

import pytest

from oms_ledger.orders.marketplace.integration_results import MESSAGES, code_of, envelope, source_of

RESULTS = {
    "EOI002": (
        *("FMT001", "FMT002", "FMT003", "FMT004", "FMT005"),
        *("FMT010", "FMT0059", "FMT0061"),
    ),
    "EOI003": ("FMT006", "FMT007"),
    "EOI004": ("FMT0026", "FMT0039", "FMT0040", "FMT0043", "FMT0067", "FMT0104"),
    "EOI005": ("ORD007", "CHK0017", "FMT015", "FMT0042", "FMT0094", "FMT0103"),
    "EOI007": ("FMT009", "FMT0060"),
    "EOI009": ("FMT0056",),
    "EOI001": ("CHK0045", "ORD017", "OMS003"),
    "EOI011": ("EOI011",),
}


@pytest.mark.parametrize(
    ("inner", "code"), [(inner, code) for code, inners in RESULTS.items() for inner in inners]
)
def test_every_refusal_has_its_result(inner, code):
    assert code_of(inner, "no") == code
    result = envelope(code, "PlaceOrder", order_id="MKP-1")
    assert (result["success"], result["fields"]) == (False, None)
    assert result["message"] == MESSAGES[code]


def test_an_order_under_the_minimum_is_no_cart():
    message = "the order is worth 1, the affiliate's minimum value is 2"
    assert code_of("FMT0042", message) == "EOI004"


def test_an_error_says_which_part_refused():
    assert source_of("FMT005") == "Fulfillment"
    assert source_of("ORD007") == "Checkout"
    assert source_of("EOI000") == "Order Integration"
    assert MESSAGES["EOI000"] == "Unknown error"
