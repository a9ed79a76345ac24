"""Any interleaving of accept, deny, bypass, time-out, cancellation and changed policies (G19).

After each step the status, what the authorization comes to, what documents show and what another
process folds from the events agree, and what was decided stays.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oms_ledger.orders import events
from oms_ledger.orders.cancellation.decide import cancel
from oms_ledger.orders.decide import DecisionContext
from oms_ledger.orders.documents.policies import policy_data
from oms_ledger.orders.order import Order
from oms_ledger.orders.payments.decide import expire_placement
from oms_ledger.orders.policies.decide import evaluate_order, revise_policies, score_rule
from oms_ledger.orders.policies.state import ACCEPTED, DENIED, PENDING, is_pending, next_authorizer
from oms_ledger.orders.status import Status
from oms_ledger.refusal import Refusal
from tests.support.given_when_then import after
from tests.support.purchases import PAID, placed

START = datetime(2026, 1, 1, tzinfo=UTC)
WAITING = Status.WAITING_FOR_ORDER_AUTHORIZATION
SCORES = {"accept": 10, "bypass": 7, "deny": 5}

authorizer_lists = st.sampled_from([(), ("ann",), ("ann", "bob")])
policy_rules = st.builds(
    lambda priority, effect, holds, everybody, names: events.PolicyRule(
        "", "rule", priority, effect, holds, accept=10, deny=5, require_all=everybody,
        authorizers=tuple(events.PolicyAuthorizer(one, "user") for one in names),
    ),
    st.integers(1, 3), st.sampled_from([2, 2, 2, 0, 1]), st.sampled_from([True, True, False]),
    st.booleans(), authorizer_lists,
)  # fmt: skip
policies = st.lists(
    st.tuples(st.integers(1, 3), st.booleans(), st.lists(policy_rules, min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)
places = st.integers(0, 2)


class AuthorizationMachine(RuleBasedStateMachine):
    @initialize(given=policies)
    def evaluate(self, given: Any) -> None:
        self.at = START
        self.happened: list[tuple[events.OrderEvent, datetime]] = []
        self.statuses: dict[tuple[str, str], str] = {}
        self.order = after([placed()], at=START)
        self.happened.append((placed(), START))
        self._do(PAID)
        assert self.order.evaluation
        dimensions = tuple(
            events.PolicyDimension(
                f"d{at}", f"d{at}", None, priority, every,
                tuple(replace(one, id=f"d{at}r{n}") for n, one in enumerate(rules)),
            )
            for at, (priority, every, rules) in enumerate(given)
        )  # fmt: skip
        self._do(evaluate_order, authorization_id="A", dimensions=dimensions)
        assert self.order.authorization is not None
        self._do(evaluate_order, authorization_id="B", dimensions=dimensions)  # done once
        assert self.order.authorization.id == "A"

    def _context(self) -> DecisionContext:
        return DecisionContext(self.at, f"receipt-{len(self.happened)}", buying_policies=True)

    def _append(self, new: list[events.OrderEvent]) -> None:
        self.order = after(new, self.order, self.at)
        self.happened += [(event, self.at) for event in new]

    def _do(self, decide: Any, **named: Any) -> list[events.OrderEvent] | None:
        """What is recorded; None where it is refused."""
        self.at += timedelta(minutes=1)
        try:
            new: list[events.OrderEvent] = decide(self.order, self._context(), **named)
        except Refusal:
            return None
        self._append(new)
        return new

    @rule(
        act=st.sampled_from(sorted(SCORES)),
        at=places,
        rule_at=places,
        who=st.sampled_from(["ann", "bob", "eve", None]),
    )
    def decide(self, act: str, at: int, rule_at: int, who: str | None) -> None:
        assert self.order.authorization is not None
        dimensions = self.order.authorization.dimensions
        at %= len(dimensions)
        rule_at %= len(dimensions[at].rules)
        self._score(act, at, rule_at, who)

    @rule(act=st.sampled_from(sorted(SCORES)))
    def decide_what_is_pending(self, act: str) -> None:
        authorization = self.order.authorization
        assert authorization is not None
        for at, dimension in enumerate(authorization.dimensions):
            for rule_at, one in enumerate(dimension.rules):
                if is_pending(authorization, dimension, one):
                    return self._score(act, at, rule_at, None)
        return None

    def _score(self, act: str, at: int, rule_at: int, who: str | None) -> None:
        said = {"dimension_id": f"d{at}", "rule_id": f"d{at}r{rule_at}", "authorizer_id": who}
        new = self._do(score_rule, score=SCORES[act], **said)
        if new and (who is not None or self._decided(at, rule_at)):
            assert self._do(score_rule, score=SCORES[act], **said) == []  # said again
        if self._decided(at, rule_at) in (ACCEPTED, DENIED):
            opposite = 5 if self._decided(at, rule_at) == ACCEPTED else 10
            assert self._do(score_rule, score=opposite, **said) is None

    def _decided(self, at: int, rule_at: int) -> str | None:
        return self.statuses_now().get((f"d{at}", f"d{at}r{rule_at}"))

    def statuses_now(self) -> dict[tuple[str, str], str]:
        assert self.order.authorization is not None
        return {
            (dimension.id, one.id): one.status
            for dimension in self.order.authorization.dimensions
            for one in dimension.rules
            if one.status is not None
        }

    @rule()
    def cancel(self) -> None:
        self._do(cancel, reason="no")

    @rule()
    def time_out(self) -> None:
        self.at += timedelta(days=30)
        self._do(expire_placement)

    @rule(gone=st.sets(st.tuples(places, places), max_size=2), left=st.sampled_from(["", "bob"]))
    def change_policies(self, gone: set[tuple[int, int]], left: str) -> None:
        assert self.order.authorization is not None
        known = {
            dimension.id: {
                one.id: replace(
                    one, authorizers=tuple(who for who in one.authorizers if who.id != left)
                )
                for one in dimension.rules
                if (int(dimension.id[1]), int(one.id[3])) not in gone
            }
            for dimension in self.order.authorization.dimensions
        }
        self._do(revise_policies, known=known)

    @invariant()
    def all_sides_agree(self) -> None:
        order, authorization = self.order, self.order.authorization
        assert authorization is not None
        outcome = authorization.outcome().status
        canceled = self._count(events.CancellationStarted)
        released = self._count(events.SellerConfirmationAwaited)
        assert canceled <= 1
        assert released <= 1
        (shown,) = policy_data(authorization)
        assert shown["status"] == outcome
        assert bool(shown["pendingPolicies"]) == (outcome == PENDING)
        assert (order.status is WAITING) == (outcome == PENDING and not canceled)
        if outcome == DENIED:
            assert (canceled, released) == (1, 0)
            assert order.status is Status.CANCELED
        if outcome == ACCEPTED:
            assert released or canceled
        if released:
            assert outcome == ACCEPTED

    @invariant()
    def what_waits_for_people_waits_for_somebody(self) -> None:
        assert self.order.authorization is not None
        for dimension in self.order.authorization.dimensions:
            for one in dimension.rules:
                if one.authorizers and is_pending(self.order.authorization, dimension, one):
                    assert next_authorizer(one) is not None

    @invariant()
    def what_was_decided_stays(self) -> None:
        now = self.statuses_now()
        assert now.items() >= self.statuses.items()
        self.statuses = now
        assert self._count(events.OrderAuthorizationJudged) == 1
        assert self._count(events.OrderAuthorizationAwaited) <= 1

    @invariant()
    def another_process_folds_the_same(self) -> None:
        rebuilt: Order | None = None
        for event, at in self.happened:
            rebuilt = after([event], rebuilt, at)
        assert rebuilt == self.order

    def _count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event, _ in self.happened)


AuthorizationMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=15)
TestAuthorization = pytest.mark.guarantee("G19")(AuthorizationMachine.TestCase)
