"""What an order remembers of its buying policies, and what they come to."""

from collections.abc import Iterator
from dataclasses import dataclass

from oms_ledger.orders.policies.events import (
    APPROVE,
    DENY,
    PolicyAuthorizer,
    PolicyDimension,
    PolicyRule,
)

ACCEPTED, DENIED, PENDING, BYPASSED = "accepted", "denied", "pending", "bypassed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`dimension` and `rule` are those that it hangs on; a whole approval ends all evaluating."""

    status: str
    dimension: PolicyDimension | None = None
    rule: PolicyRule | None = None
    ends_all: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the buying policies said of an order; the id is of this order alone."""

    id: str
    dimensions: tuple[PolicyDimension, ...]

    def outcome(self) -> Outcome:
        """What the dimensions come to, by ascending priority."""
        for dimension in ordered(self.dimensions):
            fields = outcome_of(dimension)
            if fields.status != ACCEPTED or fields.ends_all:
                return fields
        return Outcome(ACCEPTED)

    def dimension(self, dimension_id: str) -> PolicyDimension | None:
        """The dimension of that id; None where the order was not evaluated by it."""
        return next((one for one in self.dimensions if one.id == dimension_id), None)


def ordered(dimensions: tuple[PolicyDimension, ...]) -> list[PolicyDimension]:
    """By ascending priority, which is the order they are evaluated in."""
    return sorted(dimensions, key=lambda one: one.priority)


def _rules_in_order(dimension: PolicyDimension) -> Iterator[PolicyRule]:
    """The dimension's rules by ascending priority."""
    yield from sorted(dimension.rules, key=lambda one: one.priority)


def outcome_of(dimension: PolicyDimension) -> Outcome:
    """The first true rule decides, or every true rule counts."""
    true_rules = [r for r in _rules_in_order(dimension) if r.holds and r.status != BYPASSED]
    if not dimension.require_all:
        return _decided(dimension, true_rules[0]) if true_rules else Outcome(ACCEPTED)
    fields = [_decided(dimension, rule) for rule in true_rules]
    for status in (DENIED, PENDING):
        found = next((one for one in fields if one.status == status), None)
        if found is not None:
            return found
    return Outcome(ACCEPTED)


def _decided(dimension: PolicyDimension, rule: PolicyRule) -> Outcome:
    if rule.effect == APPROVE:
        return Outcome(ACCEPTED, dimension, rule, ends_all=not dimension.require_all)
    if rule.effect == DENY or rule.status == DENIED:
        return Outcome(DENIED, dimension, rule)
    return Outcome(ACCEPTED if rule.status == ACCEPTED else PENDING, dimension, rule)


def is_pending(authorization: Authorization, dimension: PolicyDimension, rule: PolicyRule) -> bool:
    """Whether people may decide about a rule now."""
    outcome = authorization.outcome()
    if outcome.status != PENDING or outcome.dimension is None:
        return False
    if outcome.dimension.id != dimension.id or not rule.holds or rule.status is not None:
        return False
    if dimension.require_all:
        return rule.effect not in (APPROVE, DENY)
    return outcome.rule is not None and outcome.rule.id == rule.id


def next_authorizer(rule: PolicyRule) -> PolicyAuthorizer | None:
    """Who is to approve next; None when nobody in particular is."""
    return next((one for one in rule.authorizers if one.authorized_at is None), None)
