"""An application on either database, and browsers in which people of several roles signed in."""

import asyncio
from functools import cache

import pytest

from oms_ledger.services.operators import passwords
from oms_ledger.services.operators.recording import by_deployment, record_operator
from oms_ledger.services.operators.sign_in import signed_in
from oms_ledger.web import build
from projections.operators import sessions
from tests.support.browsing import Browser
from tests.support.configuring import create_operator, run
from tests.support.purchases import ACCOUNT, open_account

PASSWORD = "correct horse battery"


@cache
def password_hash() -> str:
    """Made once: it is dear on purpose."""
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def app(cell):
    asyncio.run(open_account(cell.ledger))
    return build(cell)


@pytest.fixture
def operator_of(cell):
    """The id of a new operator with a role in the account of the tests."""

    def made(role="Owner", email="ana@example.com", account=ACCOUNT, *, deployment=False):
        return create_operator(
            cell,
            account,
            role,
            email=email,
            name=email.partition("@")[0].title(),
            password_hash=password_hash(),
            deployment=deployment,
        )

    return made


@pytest.fixture
def browser_of(cell, app, operator_of):
    """A browser in which a new operator of a role is signed in."""

    def made(role="Owner", email="ana@example.com", account=ACCOUNT, *, deployment=False):
        operator = operator_of(role, email, account, deployment=deployment)
        token = sessions.new_token()

        def let_in(connection):
            sessions.open_session(connection, operator, "test", cell.clock.micros(), token)

        came, ctx = [signed_in(token, known_browser=False)], by_deployment(f"person:{operator}")
        run(
            cell,
            lambda other: record_operator(other, ctx, operator, lambda _: came, fills=[let_in]),
        )
        return Browser(app, cookies={"oms": token})

    return made


@pytest.fixture
def browser(browser_of):
    return browser_of()
