"""What a published document shows is what comes of it when it is placed."""

from itertools import count

import pytest

from oms_ledger.accounts.account import Account
from oms_ledger.orders.documents import oms_document
from oms_ledger.orders.placement.decide import place
from tests.support.given_when_then import after
from tests.support.order_documents import NAMES, as_placement, document


@pytest.mark.guarantee("G29")
@pytest.mark.parametrize("name", NAMES)
def test_a_document_sent_as_a_placement_gives_its_own_totals(name):
    fields, ids = document(name), count(1)
    [(_, placed)] = place(
        as_placement(fields),
        order_group="v1acme",
        sequences=[1],
        transaction_id="T",
        new_id=lambda: f"ID-{next(ids)}",
        account=Account("acme", "acme"),
    )
    shown = oms_document(after([placed]))
    assert shown["value"] == fields["value"]
    assert _values(shown) == _values(fields)
    for ours, theirs in zip(shown["items"], fields["items"], strict=True):
        assert ours["sellingPrice"] == theirs["sellingPrice"]
        if theirs.get("priceDefinition"):
            assert ours["priceDefinition"] == {"reason": None, **theirs["priceDefinition"]}
        for tag, sent in zip(ours["priceTags"], theirs["priceTags"], strict=True):
            assert tag["name"] == sent["name"]
            for figure in ("value", "rawValue"):
                if sent.get(figure) is not None:
                    assert tag[figure] == sent[figure]


def _values(shown):
    return {total["id"]: total["value"] for total in shown["totals"]}
