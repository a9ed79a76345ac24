"""A web application on either database, and clients with keys of several roles."""

import asyncio

import pytest

from oms_ledger.web import build
from tests.support.client import Client
from tests.support.configuring import create_key
from tests.support.purchases import ACCOUNT, open_account


@pytest.fixture
def app(cell):
    asyncio.run(open_account(cell.ledger))
    return build(cell)


@pytest.fixture
def client_of(cell, app):
    """A client with a key of a role, in the account of the tests or another one."""

    def made(role="Owner", account=ACCOUNT):
        key, token = create_key(cell, account, role)
        return Client(app, {"X-VTEX-API-AppKey": key, "x-vtex-api-apptoken": token})

    return made


@pytest.fixture
def client(client_of):
    return client_of()
