"""Who came, who was refused, what was done to operators: all of it recorded, and bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from oms_ledger.accounts import access, operators
from oms_ledger.accounts.access import CredentialsRefused
from oms_ledger.accounts.operators import DEPLOYMENT
from oms_ledger.cell import Cell
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.services.accounts.access_log import AT_ONCE, EVERY, AccessLog
from oms_ledger.services.operators import passwords, sign_in
from oms_ledger.services.operators.sign_in import SignInRefused, TooManyFailures
from projections.operators.tables import sign_in_failures
from projections.ops.verify_configuration import verify_configuration
from tests.support.client import Client
from tests.support.configuring import (
    create_key,
    create_operator,
    disable_operator,
    reset_operator,
    run,
)
from tests.support.purchases import ACCOUNT

LOGIN = "/api/vtexid/apptoken/login"
LIST = "/api/oms/pvt/orders"
PASSWORD, EMAIL = "correct horse battery", "ana@example.com"


def came(cell: Cell, account: str) -> list[Any]:
    rows = cell.store.stream(access.stream_of(account, cell.clock.now().date()))
    assert not any(b"127.0.0.1" in bytes(row.body) for row in rows)  # it is of a person
    return [EVENT_TYPES.decode(row.name, bytes(row.body), None) for row in rows]


def recorded(cell: Cell, operator: str) -> list[tuple[str, str]]:
    rows = cell.store.stream(operators.stream_of(operator))
    return [(row.name, row.actor) for row in rows]


def test_a_refused_key_is_recorded_for_its_account(cell: Cell, app: Any, client: Client) -> None:
    key = client.headers["X-VTEX-API-AppKey"]
    wrong = Client(app, {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": "wrong"})
    assert wrong.call("GET", LIST).status == 401
    assert wrong.call("POST", LOGIN, {"appkey": key, "apptoken": "no"}).status == 401
    assert came(cell, ACCOUNT) == [CredentialsRefused(key, 401)] * 2
    assert came(cell, DEPLOYMENT) == []
    day = cell.clock.now().date().isoformat()
    history = client.call("GET", f"/api/ledger/account/events?access={day}").json()["events"]
    assert [(one["name"], one["actor"], one["data"]["appKey"]) for one in history] == [
        ("credentials-refused", "anonymous", key)
    ] * 2


def test_a_name_that_nobody_has_is_recorded_for_the_deployment(cell: Cell, app: Any) -> None:
    unknown = Client(app, {"X-VTEX-API-AppKey": "ana@example.com", "X-VTEX-API-AppToken": "x"})
    assert unknown.call("GET", LIST).status == 401
    assert came(cell, DEPLOYMENT) == [CredentialsRefused(None, 401)]  # whatever was typed there
    assert came(cell, ACCOUNT) == []


def test_a_sign_in_by_key_is_recorded(cell: Cell, app: Any) -> None:
    key, token = create_key(cell, ACCOUNT, "Owner")
    done = Client(app).call("POST", LOGIN, {"appkey": key, "apptoken": token})
    assert done.status == 200
    assert came(cell, ACCOUNT) == [access.KeySignedIn(key)]


def test_who_fails_again_and_again_does_not_fill_the_ledger(cell: Cell, client: Client) -> None:
    now = 0.0

    async def many(other: Cell) -> None:
        nonlocal now
        log = AccessLog(other, lambda: now)
        refused = CredentialsRefused(None, 401)
        for _ in range(10 * AT_ONCE):
            await log.record(ACCOUNT, refused, "anonymous", None)
        now = EVERY
        await log.record(ACCOUNT, refused, "anonymous", None)
        await log.record("other", refused, "anonymous", None)
        now = 1000 * EVERY
        for _ in range(10 * AT_ONCE):
            await log.record(ACCOUNT, refused, "anonymous", None)

    run(cell, many)
    passed_over = [one.passed_over for one in came(cell, ACCOUNT)]
    assert passed_over == [0] * AT_ONCE + [9 * AT_ONCE] + [0] * AT_ONCE
    assert len(came(cell, "other")) == 1


@pytest.fixture
def ana(cell: Cell) -> str:
    return create_operator(
        cell,
        ACCOUNT,
        "Owner",
        email=EMAIL,
        name="Ana",
        password_hash=passwords.hash_password(PASSWORD),
    )


def tries(email: str, password: str) -> Callable[[Cell], Any]:
    return lambda cell: sign_in.sign_in(cell, email, password, agent="test")


@pytest.mark.guarantee("G8")
def test_what_is_done_to_an_operator_is_recorded_and_verified(cell: Cell, ana: str) -> None:
    run(cell, tries(EMAIL, PASSWORD))
    with pytest.raises(SignInRefused):
        run(cell, tries(EMAIL, "wrong password"))
    reset_operator(cell, EMAIL)
    disable_operator(cell, EMAIL)
    with pytest.raises(SignInRefused):
        run(cell, tries(EMAIL, PASSWORD))
    assert recorded(cell, ana) == [
        ("operator-created", "test"),
        ("operator-signed-in", f"person:{ana}"),
        ("operator-sign-in-refused", "anonymous"),
        ("operator-password-reset", "test"),
        ("operator-disabled", "test"),
        ("operator-sign-in-refused", "anonymous"),
    ]
    assert list(verify_configuration(cell.database, cell.loader())) == []
    rows = cell.store.stream(operators.stream_of(ana))
    kept = b"".join(bytes(row.body) + bytes(row.personal or b"") for row in rows)
    assert EMAIL.encode() not in kept
    assert b"argon2" not in kept


def test_blocked_and_unknown_people_leave_no_events(cell: Cell, ana: str) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            run(cell, tries(EMAIL, "wrong password"))
    with pytest.raises(TooManyFailures):
        run(cell, tries(EMAIL, PASSWORD))
    head = cell.store.head()
    with pytest.raises(SignInRefused):
        run(cell, tries("eve@example.com", "wrong password"))
    assert cell.store.head() == head
    assert [name for name, _ in recorded(cell, ana)][1:] == ["operator-sign-in-refused"] * 5
    with cell.database.writing() as connection:
        connection.execute(update(sign_in_failures).values(blocked_until=0))
    run(cell, tries(EMAIL, PASSWORD))
    assert recorded(cell, ana)[-1] == ("operator-signed-in", f"person:{ana}")
