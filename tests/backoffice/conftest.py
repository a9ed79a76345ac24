"""An application on either database, and browsers in which people of several roles signed in."""

import asyncio
from functools import cache

import pytest

from oms_ledger.services.operators import passwords
from oms_ledger.web import build
from tests.support.browsing import Browser
from tests.support.configuring import begin_session, create_operator
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
        token = begin_session(cell, operator)
        return Browser(app, cookies={"oms": token})

    return made


@pytest.fixture
def browser(browser_of):
    return browser_of()
