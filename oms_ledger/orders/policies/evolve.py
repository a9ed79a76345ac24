"""What an order learns of its buying policies."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order
from oms_ledger.orders.policies.state import Authorization


def _awaited(order: Order, event: events.PolicyJudgmentAwaited, at: datetime) -> Order:
    return order.but(evaluation=True)


def _evaluated(order: Order, event: events.OrderAuthorizationJudged, at: datetime) -> Order:
    evaluated = Authorization(event.authorization_id, event.dimensions)
    return order.but(authorization=evaluated, evaluation=False)


def _revised(order: Order, event: events.OrderAuthorizationRevised, at: datetime) -> Order:
    assert order.authorization is not None, "what is revised was evaluated"
    return order.but(authorization=Authorization(order.authorization.id, event.dimensions))


def _scored(order: Order, event: events.PolicyRuleScored, at: datetime) -> Order:
    assert order.authorization is not None, "what is scored was evaluated"
    dimensions = tuple(
        replace(one, rules=tuple(_rule(rule, event, at) for rule in one.rules))
        if one.id == event.dimension_id
        else one
        for one in order.authorization.dimensions
    )
    return order.but(authorization=Authorization(order.authorization.id, dimensions))


def _rule(
    rule: events.PolicyRule, event: events.PolicyRuleScored, at: datetime
) -> events.PolicyRule:
    if rule.id != event.rule_id:
        return rule
    authorizers = tuple(
        replace(one, authorized_at=at)
        if one.id == event.authorizer_id and one.authorized_at is None
        else one
        for one in rule.authorizers
    )
    return replace(rule, authorizers=authorizers, status=event.status, score=event.score)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {
    events.PolicyJudgmentAwaited: _awaited,
    events.OrderAuthorizationJudged: _evaluated,
    events.OrderAuthorizationRevised: _revised,
    events.PolicyRuleScored: _scored,
}
