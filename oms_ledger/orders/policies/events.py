"""An order under buying policies: it waits, is evaluated, and people decide about its rules."""

from dataclasses import dataclass
from datetime import datetime

APPROVE, DENY, PEND = 0, 1, 2
"""What a rule whose expression is true does: `effectType`."""


@dataclass(frozen=True, slots=True)
class PolicyAuthorizer:
    """`type` is `unit` or `user`."""

    id: str
    type: str
    authorized_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule as it was when the order was evaluated; `holds` is what its expression came to.

    `status` is None, `accepted`, `denied` or `bypassed`. A score of at least `accept` accepts, one
    of at most `deny` denies.
    """

    id: str
    name: str
    priority: int
    effect: int
    holds: bool
    expression: str = ""
    description: str = ""
    effect_description: str = ""
    accept: int = 0
    deny: int = 0
    require_all: bool = False
    authorizers: tuple[PolicyAuthorizer, ...] = ()
    status: str | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyDimension:
    """A group of rules; with `require_all` every true rule counts, else the first one."""

    id: str
    name: str
    unit_id: str | None
    priority: int
    require_all: bool
    rules: tuple[PolicyRule, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyJudgmentAwaited:
    """The order goes no further until its buying policies have been evaluated."""


@dataclass(frozen=True, slots=True)
class OrderAuthorizationAwaited:
    """People have to decide about at least one rule before the order goes on."""


@dataclass(frozen=True, slots=True)
class OrderAuthorizationJudged:
    """What the policies came to when the order was evaluated."""

    authorization_id: str
    dimensions: tuple[PolicyDimension, ...]


@dataclass(frozen=True, slots=True)
class PolicyRuleScored:
    """An authorizer's word about a pending rule; `status` is what the rule comes to by it."""

    dimension_id: str
    rule_id: str
    score: int
    authorizer_id: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class OrderAuthorizationRevised:
    """The policies were changed while the order waits: these are they now."""

    dimensions: tuple[PolicyDimension, ...]


PolicyEvent = (
    PolicyJudgmentAwaited
    | OrderAuthorizationAwaited
    | OrderAuthorizationJudged
    | PolicyRuleScored
    | OrderAuthorizationRevised
)
