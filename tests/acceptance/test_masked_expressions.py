"""An expression says its caller nothing that the caller may not read (ASVS 8.2.3, 14.2.6)."""

import asyncio
import json
from dataclasses import replace

import pytest

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountSettingsChanged
from oms_ledger.accounts.roles import FEED, FEED_ADMIN, FULL, ROLES, VIEW
from oms_ledger.eventstore.command import CommandContext
from tests.support.purchases import ACCOUNT, PAID, placed

MARKER = "Zyxwvut"
PROFILE = {"email": "zyxwvut@example.com", "firstName": MARKER, "lastName": MARKER}
ADDRESS = {"receiverName": MARKER, "street": MARKER}
# What says the marker, or the truth about it, or fails with it in its text.
TELLING = {
    "value": "clientProfileData.firstName & clientProfileData.email",
    "address": "shippingData.address.street",
    "truth": f'clientProfileData.firstName = "{MARKER}"',
    "bit": f'$substring(clientProfileData.lastName, 1, 1) = "{MARKER[1]}"',
    "error": "$number(clientProfileData.firstName)",
}
ORACLES = ("truth", "bit")
OWN = {"expression": f'clientProfileData.firstName = "{MARKER}"', "disableSingleFire": True}
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}


@pytest.fixture
def masking(cell, app):
    def decide(_: Account | None) -> list[AccountSettingsChanged]:
        return [AccountSettingsChanged({"pii": True})]

    async def story():
        await cell.ledger.change_account(CommandContext(ACCOUNT, "test"), decide)
        order = replace(placed(), client_profile=PROFILE, address=ADDRESS)
        await cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v1acme-01": order})
        await cell.ledger.change(CommandContext(ACCOUNT, "test"), "v1acme-01", PAID)

    asyncio.run(story())


def truths(body: bytes) -> list[bool]:
    """What an answer says of the versions of the order, or of all it evaluated."""
    last = json.loads(body.splitlines()[-1])
    if "versions" in last:
        return [version["matches"] for version in last["versions"]]
    return [last["matched"] > 0]


@pytest.mark.guarantee("G66")
@pytest.mark.parametrize("role", ROLES)
def test_no_role_learns_what_is_masked_by_an_expression(masking, client_of, role):
    client, resources = client_of(role), ROLES[role]
    may = FEED_ADMIN in resources and bool(resources & {VIEW, FULL})
    for kind in ("feed", "hook"):
        for name, expression in TELLING.items():
            filter = {"type": "FromOrders", "expression": expression, "disableSingleFire": True}
            bodies = {
                "explain": {"orderId": "v1acme-01", "filter": filter},
                "dry-run": {"since": 0, "filter": filter},
            }
            for path, body in bodies.items():
                answer = client.call("POST", f"/api/ledger/{kind}/{path}", body)
                assert answer.status == (200 if may else 403), (kind, path)
                assert MARKER not in answer.body.decode().replace(expression, "")
                if may and name in ORACLES:
                    assert truths(answer.body) == [False] * len(truths(answer.body))


def test_a_configured_filter_sees_what_the_feed_sees_and_tells_no_value(masking, client_of):
    owner = client_of("Owner")
    for filter in (OWN, {"expression": TELLING["error"], "disableSingleFire": True}):
        feed = {"filter": {"type": "FromOrders", **filter}, "queue": QUEUE}
        assert owner.call("POST", "/api/orders/feed/config", feed).status == 200
        for path, body in (("explain", {"orderId": "v1acme-01"}), ("dry-run", {"since": 0})):
            answer = owner.call("POST", f"/api/ledger/feed/{path}", body)
            assert answer.status == 200
            assert MARKER not in answer.body.decode()
            if filter is OWN:
                assert any(truths(answer.body))


def test_where_nothing_is_masked_who_may_see_orders_gets_values(cell, app, client_of):
    asyncio.run(cell.ledger.place(CommandContext(ACCOUNT, "test"), {"v1acme-01": placed()}))
    body = {"orderId": "v1acme-01", "filter": {"expression": "clientProfileData.firstName"}}
    fields = client_of("Owner").call("POST", "/api/ledger/feed/explain", body).json()
    assert {version["value"] for version in fields["versions"]} == {"Ana"}
    assert ROLES["Owner"] >= FEED
