"""Buying policies: an order is held, accepted, denied, and follows changed policies."""

import asyncio
from itertools import permutations

import pytest
from sqlalchemy import delete, insert, select, update

from oms_ledger.cli.maintenance import stale_views
from oms_ledger.orders.conversation import texts
from projections.policies.tables import order_authorizations as authorizations
from tests.acceptance.test_order_life import ORDERS, paid
from tests.acceptance.test_order_mails import conversation, mailing
from tests.support.purchases import ACCOUNT
from tests.support.run_until_idle import settle
from tests.support.smtp_sink import SmtpSink

DIMENSIONS = f"/{ACCOUNT}/authorization-dimensions"
AUTHORIZATIONS = "/commercial-authorizations"
WAITING = "waiting-for-order-authorization"


def rule(expression="value > 0", effect=2, name="limit", **more):
    return {
        "name": name,
        "trigger": {
            "condition": {"conditionType": 2, "description": "when", "expression": expression},
            "effect": {"description": "then", "effectType": effect},
        },
        "scoreInterval": {"accept": 10, "deny": 5},
        **more,
    }


def authorizers(*ids, every=True):
    fields = [{"id": one, "type": "user"} for one in ids]
    return {"authorizationData": {"requireAllApprovals": every, "authorizers": fields}}


def dimension(client, *rules, **more):
    body = {"name": "d", "unitId": "u1", "ruleCollection": list(rules), **more}
    answer = client.call("POST", DIMENSIONS, body)
    assert answer.status == 200, answer.body
    return answer.json()


def placed(client, cell):
    order_id = paid(client)
    asyncio.run(settle(cell))
    return order_id


def status(client, order_id):
    return client.call("GET", f"{ORDERS}/{order_id}").json()["status"]


def authorization(client, order_id):
    answer = client.call("GET", f"/{ACCOUNT}{AUTHORIZATIONS}/order/{order_id}")
    assert answer.status == 200, answer.body
    return answer.json()


def score(client, order_id, score, at=0, rule_at=0, **more):
    fields = authorization(client, order_id)
    one = fields["dimensionStatus"][at]
    params = {
        "score": score,
        "dimensionId": one["id"],
        "ruleId": one["ruleCollection"][rule_at]["id"],
    }
    return client.call(
        "POST",
        f"{AUTHORIZATIONS}/{fields['id']}/callback?an={ACCOUNT}",
        {"params": {**params, **more}},
    )


def test_dimensions_and_rules_round_trip(client):
    made = dimension(client, rule(), priority=3)
    assert (made["creationEnvironment"], made["status"], made["priority"]) == ("stable", None, 3)
    url = f"{DIMENSIONS}/{made['id']}"
    assert client.call("GET", f"{DIMENSIONS}?unitId=U1&name=D").json() == [made]
    assert client.call("GET", f"{DIMENSIONS}?unitId=other").json() == []
    added = client.call("POST", f"{url}/rules", rule(name="second")).json()
    assert (added["name"], added["status"]) == ("second", None)
    second = added["id"]
    changed = client.call("PUT", f"{url}/rules/{second}", rule(name="third")).json()
    assert (changed["id"], changed["name"]) == (second, "third")
    (fields,) = client.call("GET", DIMENSIONS).json()
    assert [one["name"] for one in fields["ruleCollection"]] == ["limit", "third"]
    assert client.call("DELETE", f"{url}/rules/{second}").status == 204
    assert client.call("DELETE", f"{url}/rules/{second}").json() == {
        "message": "Dimension or rule not found."
    }
    fields = client.call("PUT", f"{url}/rules", [rule(name="only")]).json()
    assert [one["name"] for one in fields] == ["only"]
    body = {"name": "new", "unitId": "u2", "ruleCollection": []}
    assert (
        client.call("PUT", f"/api{url.removeprefix(f'/{ACCOUNT}')}", body).json()["name"] == "new"
    )
    assert client.call("DELETE", url).status == 204
    answer = client.call("DELETE", url)
    assert (answer.status, answer.json()) == (404, {"message": "Dimension not found."})


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"name": "x"},
        *(
            {"name": "x", "unitId": "u", "ruleCollection": [bad]}
            for bad in (
                rule("$eval('1')"),
                rule("("),
                rule(scoreInterval={"accept": 5, "deny": 5}),
                rule(effect=3),
            )
        ),
    ],
    ids=lambda body: str(body)[:60],
)
def test_bad_dimensions_are_400(client, body):
    answer = client.call("POST", DIMENSIONS, body)
    assert answer.status == 400
    assert answer.json()["message"].startswith("Invalid request body.")
    assert client.call("GET", DIMENSIONS).json() == []


def test_policies_need_their_resources(client_of):
    answer = client_of("OMS - Full access").call("GET", DIMENSIONS)
    assert answer.status == 403
    assert answer.json() == {"message": "Access denied. Missing required permissions."}


@pytest.mark.guarantee("G19")
def test_order_waits_until_it_is_accepted(client, cell):
    dimension(client, rule("value > 1"))
    order_id = placed(client, cell)
    assert status(client, order_id) == WAITING
    fields = authorization(client, order_id)
    assert fields["status"] == "pending"
    (found,) = fields["dimensionStatus"][0]["ruleCollection"]
    assert found["trigger"] == rule("value > 1")["trigger"]
    document = client.call("GET", f"/api/orders/pvt/document/{order_id}").json()
    (data,) = document["authorizationPolicyData"]
    assert (data["status"], [one["policyName"] for one in data["pendingPolicies"]]) == (
        "pending",
        ["limit"],
    )
    answer = score(client, order_id, "10")
    assert (answer.status, answer.json()["status"]) == (200, "accepted")
    assert score(client, order_id, 11).status == 200  # said again
    (task,) = client.call("GET", f"/api/do/tasks?target.id={order_id}").json()["items"]
    assert (task["name"], task["status"]) == ("oms.orderAuthorization", "Closed")
    answer = score(client, order_id, 1)
    assert (answer.status, answer.json()["message"]) == (
        400,
        "Invalid request body. The rule is accepted already",
    )
    asyncio.run(settle(cell))
    assert status(client, order_id) == "ready-for-handling"


@pytest.mark.guarantee("G19")
def test_denied_order_is_canceled_with_the_rule_as_reason(client, cell):
    dimension(client, rule(name="too dear"))
    order_id = placed(client, cell)
    assert score(client, order_id, 5).json()["status"] == "denied"
    asyncio.run(settle(cell))
    document = client.call("GET", f"{ORDERS}/{order_id}").json()
    assert (document["status"], document["cancelReason"]) == ("canceled", "too dear")
    assert score(client, order_id, 5).status == 200
    assert score(client, order_id, 10).status == 400


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule("value < 0")], "ready-for-handling"),
        ([rule("value > 0", 0), rule("value > 0", 1)], "ready-for-handling"),
        ([rule("value > 0", 1)], "canceled"),
        ([rule("value > 0", 1, priority=2), rule("value > 0", 2, priority=1)], WAITING),
        ([rule("$number('abc') > 1")], WAITING),
        ([], "ready-for-handling"),
    ],
)
def test_first_true_rule_decides(client, cell, rules, expected):
    dimension(client, *rules)
    assert status(client, placed(client, cell)) == expected


def test_dimensions_are_evaluated_by_priority_and_bypassed_rules_go_on(client, cell):
    dimension(client, rule(name="second"), priority=2)
    dimension(client, rule(name="first"), rule(name="after"), priority=1)
    order_id = placed(client, cell)
    names = [one["name"] for one in authorization(client, order_id)["dimensionStatus"]]
    assert names == ["d", "d"]
    assert score(client, order_id, 10, at=1).status == 400  # not its turn
    assert score(client, order_id, 7, rule_at=0).json()["status"] == "pending"  # bypassed
    assert score(client, order_id, 10, rule_at=1).json()["status"] == "pending"
    assert status(client, order_id) == WAITING
    assert score(client, order_id, 10, at=1).json()["status"] == "accepted"


def test_every_rule_counts_where_all_are_required(client, cell):
    dimension(client, rule(name="a"), rule(name="b"), requireAllRulesAcceptance=True)
    order_id = placed(client, cell)
    assert score(client, order_id, 10, rule_at=1).json()["status"] == "pending"
    assert score(client, order_id, 10, rule_at=0).json()["status"] == "accepted"


def test_approvals_come_one_after_the_other(client, cell):
    dimension(client, rule(**authorizers("ann", "bob")))
    order_id = placed(client, cell)
    answer = score(client, order_id, 10, authorizerId="bob")
    assert (answer.status, answer.json()["message"]) == (
        403,
        "Access denied. Missing required permissions.",
    )
    assert score(client, order_id, 10, authorizerId="ann").json()["status"] == "pending"
    assert score(client, order_id, 10, authorizerId="ann").json()["status"] == "pending"
    fields = authorization(client, order_id)["dimensionStatus"][0]["ruleCollection"][0]
    dates = [one["authorizationDate"] for one in fields["authorizationData"]["authorizers"]]
    assert (bool(dates[0]), dates[1]) == (True, None)
    assert score(client, order_id, 10, authorizerId="bob").json()["status"] == "accepted"


@pytest.mark.guarantee("G19")
def test_rule_or_dimension_that_is_gone_holds_no_longer(client, cell):
    first = dimension(client, rule(name="a"))
    order_id = placed(client, cell)
    assert status(client, order_id) == WAITING
    assert client.call("DELETE", f"{DIMENSIONS}/{first['id']}").status == 204
    asyncio.run(settle(cell))
    assert status(client, order_id) == "ready-for-handling"
    assert status(client, placed(client, cell)) == "ready-for-handling"


def test_changed_authorizers_have_to_decide(client, cell):
    made = dimension(client, rule(**authorizers("gone")))
    order_id = placed(client, cell)
    (known,) = made["ruleCollection"]
    url = f"{DIMENSIONS}/{made['id']}/rules/{known['id']}"
    assert client.call("PUT", url, rule(**authorizers("new"))).status == 200
    assert score(client, order_id, 10, authorizerId="gone").status == 403
    assert score(client, order_id, 10, authorizerId="new").json()["status"] == "accepted"


def test_waiting_order_can_be_canceled(client, cell):
    dimension(client, rule())
    order_id = placed(client, cell)
    assert client.call("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "no"}).status == 200
    asyncio.run(settle(cell))
    assert status(client, order_id) == "canceled"
    assert score(client, order_id, 10).status == 400


@pytest.mark.guarantee("G19")
@pytest.mark.parametrize("acts", [*permutations(("accept", "deny", "cancel"))])
def test_first_recorded_decision_wins(client, cell, acts):
    dimension(client, rule())
    order_id = placed(client, cell)
    fields = authorization(client, order_id)
    one = fields["dimensionStatus"][0]
    url = f"{AUTHORIZATIONS}/{fields['id']}/callback?an={ACCOUNT}"

    def requested(act):
        if act == "cancel":
            return client.ask("POST", f"{ORDERS}/{order_id}/cancel", {"reason": "x"})
        params = {"dimensionId": one["id"], "ruleId": one["ruleCollection"][0]["id"]}
        return client.ask(
            "POST", url, {"params": {**params, "score": 10 if act == "accept" else 0}}
        )

    async def race():
        return await asyncio.gather(*map(requested, acts))

    answers = dict(zip(acts, asyncio.run(race()), strict=True))
    assert all(answer.status < 500 for answer in answers.values())
    asyncio.run(settle(cell))
    decided = authorization(client, order_id)["status"]
    ends = status(client, order_id)
    if decided == "denied":
        assert (answers["accept"].status, ends) == (400, "canceled")
    elif decided == "accepted":
        assert answers["deny"].status == 400
        assert ends in ("canceled", "cancellation-requested", "ready-for-handling")
    else:
        assert (answers["accept"].status, answers["deny"].status, ends) == (400, 400, "canceled")


def test_unknown_authorizations_are_404(client, cell):
    order_id = placed(client, cell)
    for url in (f"order/{order_id}", "order/none"):
        answer = client.call("GET", f"/{ACCOUNT}{AUTHORIZATIONS}/{url}")
        assert (answer.status, answer.json()) == (
            404,
            {"message": "Order authorization not found."},
        )
    body = {"params": {"score": 1, "dimensionId": "a", "ruleId": "b"}}
    assert client.call("POST", f"{AUTHORIZATIONS}/none/callback?an={ACCOUNT}", body).status == 404
    for bad in (None, {}, {"params": {"score": "x", "dimensionId": "a", "ruleId": "b"}},
                {"params": {"dimensionId": "a", "ruleId": "b"}}):  # fmt: skip
        assert (
            client.call("POST", f"{AUTHORIZATIONS}/none/callback?an={ACCOUNT}", bad).status == 400
        )


@pytest.mark.guarantee("G37")
@pytest.mark.parametrize(("last", "denied"), [(10, 0), (0, 1)], ids=["accepted", "denied"])
def test_buyer_and_each_next_authorizer_are_mailed_once(client, cell, last, denied):
    everybody = authorizers("a@x.com", "unit-7", "b@x.com")
    with SmtpSink() as sink:
        mailing(cell, sink)
        dimension(client, rule(**everybody))
        order_id = placed(client, cell)
        customer = client.call("GET", f"{ORDERS}/{order_id}").json()["clientProfileData"]["email"]

        def sent(template):
            said = conversation(client, order_id)
            subject = texts.TEXTS[template]["pt"][0], texts.TEXTS[template]["en"][0]
            mine = [one for one in said if one["subject"] in subject]
            to = [one["to"][0]["email"] for one in mine]
            received = [
                one.recipients[0] for one in sink.mails if one.message["Subject"] in subject
            ]
            assert received == to
            return to

        assert sent(texts.BUYER) == [customer]
        assert sent(texts.APPROVER) == ["a@x.com"]
        for at, points in enumerate((10, 10, last)):
            assert score(client, order_id, points).status == 200, at
            asyncio.run(settle(cell))
            approvers = ["a@x.com"] if at == 0 else ["a@x.com", "b@x.com"]
            assert sent(texts.APPROVER) == approvers
        assert sent(texts.BUYER) == [customer]
        assert sent(texts.BUYER_DENIED) == [customer] * denied


@pytest.mark.guarantee("G8")
def test_authorizations_that_lead_elsewhere_are_found(client, cell):
    held = dimension(client, rule("value > 1"))
    order_id = placed(client, cell)
    assert client.call("DELETE", f"{DIMENSIONS}/{held['id']}").status == 204
    other = placed(client, cell)  # was never evaluated

    def tampered(*statements):
        with cell.database.engine.connect() as connection:
            before = connection.execute(select(authorizations)).mappings().all()
        with cell.database.writing() as connection:
            for statement in statements:
                connection.execute(statement)
        found = {(one.view, one.order_id) for one in stale_views(cell)}
        with cell.database.writing() as connection:
            connection.execute(delete(authorizations))
            connection.execute(insert(authorizations), [dict(row) for row in before])
        return found

    t, name = authorizations, authorizations.name
    row = {"id": "forged", "account": ACCOUNT}
    assert tampered() == set()
    assert tampered(delete(t)) == {(name, order_id)}
    assert tampered(update(t).values(id="forged")) == {(name, order_id)}
    assert tampered(update(t).values(order_id=other)) == {(name, order_id), (name, other)}
    assert tampered(insert(t).values(**row, order_id=order_id)) == {(name, order_id)}
    assert tampered(insert(t).values(**row, order_id=other)) == {(name, other)}
    assert tampered(insert(t).values(**row, order_id="nobody")) == {(name, "nobody")}
