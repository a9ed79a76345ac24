"""Rows written behind the system's back: `verify` names each that says who may do what (G8)."""

import pytest
from sqlalchemy import delete, insert, select, update

from oms_ledger.cli.maintenance import stale_views
from oms_ledger.eventstore.tables import account_heads, sequences, unique_keys
from oms_ledger.services.operators import passwords
from oms_ledger.services.operators.sign_in import sign_in
from oms_ledger.services.privacy.steps import catch_up
from projections.operators.tables import operator_sessions
from projections.ops.verify_configuration import verify_configuration
from projections.subscriptions.views import VIEWS
from tests.support.configuring import create_operator, disable_operator, run
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


@pytest.fixture
def signed_in(cell):
    """An operator who has signed in by password, and the row of the session."""
    operator = create_operator(
        cell,
        ACCOUNT,
        "Owner",
        email="ana@example.com",
        name="Ana",
        password_hash=passwords.hash_password("correct horse battery"),
    )
    run(
        cell,
        lambda other: sign_in(other, "ana@example.com", "correct horse battery", agent="test"),
    )
    assert list(verify_configuration(cell.database, cell.loader())) == []
    return operator


@pytest.mark.guarantee("G8")
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"token_hash": b"t" * 32}, "no sign-in began this session"),
        ({"expires_at": 2**60}, "expires_at: later than that of any session"),
        ({"operator": "somebody"}, "the operator may not sign in"),
    ],
    ids=["token_hash", "expires_at", "operator"],
)
@pytest.mark.parametrize("done", ["altered", "added"])
def test_a_session_that_no_sign_in_began_is_named(cell, signed_in, done, values, reason):
    with cell.database.writing() as connection:
        if done == "altered":
            connection.execute(update(operator_sessions).values(values))
        else:
            row = connection.execute(select(operator_sessions)).one()._mapping
            made_up = {**row, "token_hash": b"u" * 32, **values}
            connection.execute(insert(operator_sessions).values(made_up))
            reason = "no sign-in began this session" if "expires_at" in values else reason
    (found,) = verify_configuration(cell.database, cell.loader())
    assert (found.table, found.reason) == ("operator_sessions", reason)


@pytest.mark.guarantee("G8")
def test_a_session_of_who_is_shut_out_is_named(cell, signed_in):
    with cell.database.snapshot() as connection:
        row = dict(connection.execute(select(operator_sessions)).one()._mapping)
    disable_operator(cell, "ana@example.com")
    assert list(verify_configuration(cell.database, cell.loader())) == []
    with cell.database.writing() as connection:
        connection.execute(insert(operator_sessions).values(row))
    (found,) = verify_configuration(cell.database, cell.loader())
    assert found.reason == "the operator may not sign in"
