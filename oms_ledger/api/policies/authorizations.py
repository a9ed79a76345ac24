"""Authorizations of orders: what buying policies say about one, and what people decide."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.orders.documents import json_response
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.orders.order import Order
from oms_ledger.orders.policies.decide import score_rule
from oms_ledger.orders.policies.events import PolicyDimension, PolicyRule
from oms_ledger.orders.policies.refusals import AuthorizationNotFound, InvalidPolicyBody
from oms_ledger.orders.policies.state import (
    Authorization,
    is_pending,
    next_authorizer,
    outcome_of,
)
from oms_ledger.orders.refusals import OrderNotFound
from projections.policies import dimensions

router = APIRouter(prefix="/api/commercial-authorizations", tags=["Buying policies"])

LARGEST = 10**9

MayRead = Annotated[Caller, Depends(requires("read_authorization"))]
MayDecide = Annotated[Caller, Depends(requires("decide_policy"))]


@router.get("/order/{order_id}")
async def get_authorization(
    order_id: PathId, request: Request, cell: TheCell, caller: MayRead
) -> Response:
    """What the buying policies say about an order."""
    try:
        order = await cell.ledger.order(caller.account, order_id)
    except OrderNotFound:
        raise AuthorizationNotFound() from None
    return json_response(serialize_authorization(order, request))


@router.post("/{authorization_id}/callback")
async def post_callback(
    authorization_id: PathId, request: Request, cell: TheCell, caller: MayDecide
) -> Response:
    """Score a pending rule: enough accepts it, too little denies it, between bypasses it."""
    params = _params(await json_body(request))

    order_id = await cell.read(dimensions.order_of, caller.account, authorization_id)
    if order_id is None:
        raise AuthorizationNotFound()
    decision = partial(score_rule, **params)
    order = await cell.ledger.change(caller.context, order_id, decision)
    return json_response(serialize_authorization(order, request))


def _params(body: Any) -> dict[str, Any]:
    params = body.get("params") if isinstance(body, dict) else None
    if not isinstance(params, dict):
        raise InvalidPolicyBody("params: expected an object")
    fields: dict[str, Any] = {"score": _score(params.get("score"))}
    for name, key in (("dimensionId", "dimension_id"), ("ruleId", "rule_id")):
        if not isinstance(params.get(name), str):
            raise InvalidPolicyBody(f"params.{name}: expected a text")
        fields[key] = params[name]
    authorizer = params.get("authorizerId")
    if authorizer is not None and not isinstance(authorizer, str):
        raise InvalidPolicyBody("params.authorizerId: expected a text")
    return {**fields, "authorizer_id": authorizer}


def _score(given: Any) -> int:
    """A number, or a text that is one."""
    try:
        number = float(given) if isinstance(given, str | int | float) else None
    except ValueError:
        number = None
    if number is None or isinstance(given, bool) or number != number:
        raise InvalidPolicyBody("params.score: expected a number")
    return int(max(-LARGEST, min(number, LARGEST)))


def serialize_authorization(order: Order, request: Request) -> dict[str, Any]:
    """An order's authorization, as published."""
    authorization = order.authorization
    if authorization is None:
        raise AuthorizationNotFound()
    base = str(request.base_url).rstrip("/")
    path = f"/api/checkout/pvt/order-auth/{order.order_id}/callback"
    return {
        "id": authorization.id,
        "orderId": order.order_id,
        "workflowInstanceId": authorization.id,
        "status": authorization.outcome().status,
        "units": [],
        "callbackEndpoint": f"{base}{path}?an={order.account}",
        "totalOrderValueDesiredBySeller": 0,
        "marketPlacePaymentValue": 0,
        "itemCollection": [
            {
                "id": item.unique_id,
                "sku": item.id,
                "price": item.price / 100,
                "totalSystemDiscount": 0,
                "totalManualDiscount": 0,
                "quantity": item.quantity,
                "additionalInfo": {"commercialCondition": "1"},
            }
            for item in order.items
        ],
        "additionalInfo": {
            "userProfileId": order.placed.client_profile.get("userProfileId"),
        },
        "dimensionStatus": [_dimension(authorization, one) for one in authorization.dimensions],
    }


def _dimension(authorization: Authorization, dimension: PolicyDimension) -> dict[str, Any]:
    scores = [rule.score for rule in dimension.rules if rule.score is not None]
    return {
        "id": dimension.id,
        "name": dimension.name,
        "unitId": dimension.unit_id,
        "userProfileId": None,
        "status": outcome_of(dimension).status,
        "score": scores[-1] if scores else None,
        "priority": dimension.priority,
        "shouldSimulate": False,
        "requireAllRulesAcceptance": dimension.require_all,
        "ruleCollection": [_rule(authorization, dimension, rule) for rule in dimension.rules],
    }


def _rule(
    authorization: Authorization, dimension: PolicyDimension, rule: PolicyRule
) -> dict[str, Any]:
    pending = is_pending(authorization, dimension, rule)
    following = next_authorizer(rule) if pending else None
    return {
        "id": rule.id,
        "name": rule.name,
        "status": "pending" if pending else rule.status,
        "score": rule.score,
        "priority": rule.priority,
        "trigger": {
            "condition": {
                "conditionType": 2,
                "description": rule.description,
                "expression": rule.expression,
            },
            "effect": {
                "description": rule.effect_description,
                "effectType": rule.effect,
            },
        },
        "timeout": 0,
        "notification": False,
        "scoreInterval": {"accept": rule.accept, "deny": rule.deny},
        "authorizationData": {
            "requireAllApprovals": rule.require_all,
            "authorizers": [
                {
                    "id": one.id,
                    "type": one.type.capitalize(),
                    "authorizationDate": one.authorized_at and spell(one.authorized_at, PII_ZONE),
                }
                for one in rule.authorizers
            ],
        },
        "isUserAuthorized": pending,
        "isUserNextAuthorizer": following is not None,
    }
