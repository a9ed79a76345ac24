"""What the buying policies say about an order, as its documents show it."""

from typing import Any

from oms_ledger.orders.policies.events import PolicyDimension, PolicyRule
from oms_ledger.orders.policies.state import (
    DENIED,
    PENDING,
    Authorization,
    is_pending,
    outcome_of,
)


def policy_data(authorization: Authorization) -> list[dict[str, Any]]:
    """One entry, with the rules that denied the order and those that wait for people."""
    denied, pending = [], []
    for dimension in authorization.dimensions:
        for rule in dimension.rules:
            if is_pending(authorization, dimension, rule):
                pending.append(_policy(dimension, rule))
            elif rule.status == DENIED or (
                outcome_of(dimension).status == DENIED and outcome_of(dimension).rule is rule
            ):
                denied.append(_policy(dimension, rule))
    status = authorization.outcome().status
    if status != PENDING:
        pending = []
    return [{"status": status, "deniedPolicies": denied, "pendingPolicies": pending}]


def _policy(dimension: PolicyDimension, rule: PolicyRule) -> dict[str, Any]:
    return {
        "policyId": rule.id,
        "policyName": rule.name,
        "requireAllPoliciesAcceptance": dimension.require_all,
        "policyGroupId": dimension.id,
        "policyGroupName": dimension.name,
        "policyGroupUnitId": dimension.unit_id,
        "authorizationData": [
            {
                "requireAllApprovals": rule.require_all,
                "authorizers": [{"id": one.id, "type": one.type} for one in rule.authorizers],
            }
        ],
    }
