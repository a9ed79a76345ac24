"""Rows written behind the system's back: `verify` names each that says who may do what (G8)."""

import pytest
from sqlalchemy import delete, insert, select, update

from oms_ledger.cli.maintenance import stale_views
from oms_ledger.eventstore.tables import account_heads, sequences, unique_keys
from oms_ledger.services.privacy.steps import catch_up
from projections.subscriptions.views import VIEWS
from tests.support.purchases import ACCOUNT, purchase


@pytest.fixture
def bought(cell, client):
    """Two groups of purchases over HTTP, and a repeated request's key."""
    for number in range(2):
        client.call(
            "PUT", "/api/checkout/pub/orders", purchase(), **{"Idempotency-Key": f"{number}"}
        )
    for view in VIEWS:
        catch_up(cell, view)
    assert stale_views(cell) == []


KINDS = ("group", "transaction", "payment", "idempotency")


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("done", ["removed", "altered", "of another", "added"])
def test_a_unique_key_that_no_event_took_is_named(cell, bought, kind, done):
    keys = unique_keys.c
    of_kind = keys.key.startswith(f"{kind}:")
    with cell.database.writing() as connection:
        first, second = connection.execute(
            select(unique_keys).where(of_kind).order_by(keys.key)
        ).all()
        this = keys.key == first.key
        if done == "removed":
            connection.execute(delete(unique_keys).where(this))
        elif done == "altered":
            connection.execute(update(unique_keys).where(this).values(value=b"v0acme"))
        elif done == "of another":
            connection.execute(update(unique_keys).where(this).values(value=second.value))
        else:
            made_up = {"account": ACCOUNT, "key": f"{kind}:0", "value": b'["v0acme-01"]'}
            connection.execute(insert(unique_keys).values(made_up))
    found = {(one.view, one.order_id) for one in stale_views(cell)}
    # A client's own key is forgotten after its time, and says what was asked for by a digest alone.
    passed_over = kind == "idempotency" and done in ("removed", "of another")
    named = f"{kind}:0" if done == "added" else first.key
    assert (("unique_keys", named) in found) is not passed_over
    assert {view for view, _ in found} <= {"unique_keys"}


@pytest.mark.guarantee("G8")
def test_numbers_to_be_given_again_and_heads_of_accounts_are_named(cell, bought):
    with cell.database.writing() as connection:
        connection.execute(delete(sequences))
        connection.execute(update(account_heads).values(position=1))
    assert {one.view for one in stale_views(cell)} == {"sequences", "account_heads"}
