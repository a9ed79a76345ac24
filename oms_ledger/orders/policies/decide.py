"""Evaluating an order by buying policies, and what people decide about its rules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from oms_ledger.orders import events
from oms_ledger.orders.decide import (
    DecisionContext,
    awaiting_seller,
    with_automatic_transitions,
)
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order import Order
from oms_ledger.orders.policies.refusals import (
    AuthorizationNotFound,
    InvalidPolicyBody,
    NotTheAuthorizer,
)
from oms_ledger.orders.policies.state import (
    ACCEPTED,
    BYPASSED,
    DENIED,
    PENDING,
    Authorization,
    is_pending,
    next_authorizer,
)
from oms_ledger.orders.status import Status


def evaluate_order(
    order: Order,
    context: DecisionContext,
    *,
    authorization_id: str,
    dimensions: Sequence[events.PolicyDimension],
) -> list[events.OrderEvent]:
    """Record what the policies say, once; the order goes on, waits, or is canceled by it."""
    if order.status is not Status.ON_ORDER_COMPLETED or not order.evaluation:
        return []
    evaluated = events.OrderAuthorizationJudged(authorization_id, tuple(dimensions))
    return _with_outcome(order, evaluated, context)


def score_rule(
    order: Order,
    context: DecisionContext,
    *,
    dimension_id: str,
    rule_id: str,
    score: int,
    authorizer_id: str | None = None,
) -> list[events.OrderEvent]:
    """An authorizer's word about a pending rule.

    Said again it changes nothing; the opposite of what was decided is refused. Without
    `authorizer_id` the next authorizer speaks.
    """
    authorization = order.authorization
    if authorization is None:
        raise AuthorizationNotFound()
    dimension = authorization.dimension(dimension_id)
    rule = next((r for r in dimension.rules if r.id == rule_id), None) if dimension else None
    if dimension is None or rule is None:
        raise InvalidPolicyBody("The order has no such dimension or rule")
    verdict = _verdict_of(rule, score)
    if rule.status is not None:
        if rule.status == verdict:
            return []
        raise InvalidPolicyBody(f"The rule is {rule.status} already")
    spoken = any(one.id == authorizer_id and one.authorized_at for one in rule.authorizers)
    if spoken and verdict == ACCEPTED:
        return []
    if order.status is not Status.WAITING_FOR_ORDER_AUTHORIZATION:
        raise InvalidPolicyBody(f"The order is {order.status}")
    if not is_pending(authorization, dimension, rule):
        raise InvalidPolicyBody("The rule is not pending")
    who = _authorizer(rule, authorizer_id)
    status: str | None = verdict
    if verdict == ACCEPTED and rule.require_all:
        others = [o for o in rule.authorizers if o.authorized_at is None and o.id != who]
        status = None if others else ACCEPTED
    scored = events.PolicyRuleScored(dimension_id, rule_id, score, who, status)
    return _with_outcome(order, scored, context)


def _verdict_of(rule: events.PolicyRule, score: int) -> str:
    """What a score comes to for a rule: accepted, denied, or bypassed between them."""
    if score >= rule.accept:
        return ACCEPTED
    return DENIED if score <= rule.deny else BYPASSED


def _authorizer(rule: events.PolicyRule, named: str | None) -> str | None:
    expected = next_authorizer(rule)
    if named is None:
        return expected.id if expected else None
    if not rule.authorizers:
        return named
    allowed = [expected] if rule.require_all and expected else list(rule.authorizers)
    if not any(one.id == named for one in allowed):
        raise NotTheAuthorizer()
    return named


def revise_policies(
    order: Order, context: DecisionContext, *, known: Mapping[str, Mapping[str, events.PolicyRule]]
) -> list[events.OrderEvent]:
    """Have a waiting order follow the policies as they are: `known` are rules by dimension.

    A rule that is gone holds no longer. One whose authorizers changed asks the present ones; it is
    accepted where all of them have spoken already, and only who has not is gone from the list.
    """
    authorization = order.authorization
    if order.status is not Status.WAITING_FOR_ORDER_AUTHORIZATION or authorization is None:
        return []
    dimensions = tuple(
        replace(one, rules=tuple(_revised(rule, known.get(one.id, {})) for rule in one.rules))
        for one in authorization.dimensions
    )
    if dimensions == authorization.dimensions:
        return []
    return _with_outcome(order, events.OrderAuthorizationRevised(dimensions), context)


def _revised(rule: events.PolicyRule, known: Mapping[str, events.PolicyRule]) -> events.PolicyRule:
    if rule.status is not None:
        return rule
    now = known.get(rule.id)
    if now is None:
        return replace(rule, status=BYPASSED)
    spoken = {one.id: one for one in rule.authorizers if one.authorized_at}
    authorizers = tuple(spoken.get(one.id, one) for one in now.authorizers)
    agreed = rule.require_all and authorizers and all(one.authorized_at for one in authorizers)
    return replace(rule, authorizers=authorizers, status=ACCEPTED if agreed else None)


def _with_outcome(
    order: Order, event: events.OrderEvent, context: DecisionContext
) -> list[events.OrderEvent]:
    after = evolve(order, event, context.now, order.order_id, order.account)
    assert isinstance(after.authorization, Authorization)
    outcome = after.authorization.outcome()
    if outcome.status == PENDING:
        waits = order.status is Status.WAITING_FOR_ORDER_AUTHORIZATION
        return [event] if waits else [event, events.OrderAuthorizationAwaited()]
    if outcome.status == DENIED:
        reason = outcome.rule.name if outcome.rule else None
        following: events.OrderEvent = events.CancellationStarted(
            by="system", receipt=context.receipt, reason=reason
        )
    else:
        following = awaiting_seller(order, context)
    return [event, *with_automatic_transitions(after, [following], context)]
