"""An account moves to another cell while it sells for others: both directions go on."""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from oms_ledger import directory
from tests.support.cells import TwoCells
from tests.support.crossing_sales import Sale, invoice, opened

ACCOUNTS = {"upper": "a", "lower": "a", "northern": "a", "southern": "a", "other": "b"}
SHOP, STORE = "southern", "northern"


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch):
    """A change of the directory is seen at once, and not within a second."""
    monkeypatch.setattr(directory, "FRESH", 0.0)


def life(sale: Sale) -> Iterator[None]:
    """A sale with a denied cancellation, a change and two invoices; it stops where it has news.

    At each stop messages to the other side are still to be sent.
    """
    assert sale.place().status == 201
    yield
    sale.look()
    sale.at_shop("POST", "/start-handling", status=204)
    sale.at_store("POST", "/cancel", {"reason": "too late"})
    yield
    sale.look()
    requested = sale.at_shop("GET", "")["cancellationRequests"][0]["id"]
    deny = f"/api/orders/pvt/document/{sale.below}/deny-cancellation-request"
    denial = {"cancellationRequestId": requested, "denyReason": "packed"}
    sale.deployment.call(sale.shop, "POST", deny, denial, status=200)
    yield
    sale.look()
    sale.at_shop("POST", "/invoice", invoice("1", 1000, 1))
    yield
    sale.look()
    more = {"reason": "one more", "add": {"items": [{"id": "9", "quantity": 1, "price": 500}]}}
    changes = f"/api/order-system/orders/{sale.order_id}/changes"
    sale.deployment.call(sale.store, "PATCH", changes, more, 202)
    yield
    sale.look()
    sale.at_shop("POST", "/invoice", {**invoice("2", 2500, 1), "items": []})
    yield
    assert sale.look() == ("invoiced", "invoiced")


THROUGH = {1: [SHOP], 3: [STORE], 4: [SHOP]}
MOVES = [{0: [SHOP]}, {0: [STORE], 2: [SHOP]}, {1: [STORE], 5: [SHOP]}, {4: [STORE]}]


@pytest.mark.parametrize("moves", MOVES, ids=str)
def test_a_sale_ends_as_it_would_have_without_a_move(on_sqlite: TwoCells, moves):
    _compare(on_sqlite, moves)


def test_a_sale_goes_on_through_moves_of_both_sides(cells: TwoCells):
    _compare(cells, THROUGH)


def _compare(cells: TwoCells, moves: Mapping[int, Sequence[str]]) -> None:
    with opened(cells, ACCOUNTS) as deployment:
        still, moving = Sale(deployment, "upper", "lower"), Sale(deployment, STORE, SHOP)
        for stop, _ in enumerate(zip(life(still), life(moving), strict=True)):
            for account in moves.get(stop, ()):
                deployment.move(account)
        differences = moving.differences(still)
        assert not differences, "\n".join(differences)


def test_what_was_under_way_to_an_account_that_left_comes_to_it(on_sqlite: TwoCells):
    """A message was claimed before the move, and goes to the cell that hosts the account now."""
    with opened(on_sqlite, ACCOUNTS) as deployment:
        sale = Sale(deployment, STORE, SHOP)
        assert sale.place().status == 201
        to_shop = f"seller:{SHOP}"
        claimed = [one for one in deployment.claim("a") if one.recipient == to_shop]
        assert len(claimed) == 1
        deployment.move(SHOP)
        deployment.send("a", claimed)
        deployment.send("a", claimed)
        assert sale.look() == ("payment-approved", "ready-for-handling")
