"""Evaluates orders by the buying policies of their account, and has waiting ones follow changes."""

import asyncio
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select

from oms_ledger import jsonata
from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.order import Order
from oms_ledger.orders.policies.decide import evaluate_order, revise_policies
from oms_ledger.orders.policies.events import PolicyAuthorizer, PolicyDimension, PolicyRule
from oms_ledger.orders.policies.outbox import EVALUATE
from oms_ledger.orders.status import Status
from projections.outbox.messages import StoredMessage
from projections.policies import dimensions
from projections.tables import order_views

SETTING = "buying_policies"

log = structlog.get_logger(__name__)

Json = dict[str, Any]


async def evaluate(cell: Cell, message: StoredMessage) -> None:
    """Evaluate an order once, on its document as it is now."""
    order = await cell.ledger.order(message.account, message.order_id)
    if not order.evaluation:
        return
    evaluated = await asyncio.to_thread(_dimensions, cell, order)
    authorization = dimensions.authorization_id(cell.encryption, message.account, message.order_id)

    await cell.write(dimensions.assign, authorization, message.account, message.order_id)
    decision = partial(evaluate_order, authorization_id=authorization, dimensions=evaluated)
    await cell.ledger.change(
        CommandContext(message.account, "policies", message.cause), message.order_id, decision
    )


HANDLERS = {EVALUATE: evaluate}


def _dimensions(cell: Cell, order: Order) -> list[PolicyDimension]:
    with cell.database.reading() as connection:
        found = dimensions.of_account(connection, order.account)
    units = order.placed.details.get("unitIds")
    document = filter_document(order)
    return [
        _dimension(one.body, partial(_holds, document, order))
        for one in found
        if not isinstance(units, list) or not units or one.body.get("unitId") in units
    ]


def _dimension(body: Json, holds: Any) -> PolicyDimension:
    return PolicyDimension(
        body["id"],
        body["name"],
        body.get("unitId"),
        body["priority"],
        body["requireAllRulesAcceptance"],
        tuple(rule_of(rule, holds) for rule in body["ruleCollection"]),
    )


def rule_of(body: Json, holds: Any = None) -> PolicyRule:
    """A rule as configured; `holds` says what its expression comes to."""
    trigger = body["trigger"]
    effect, expression = trigger["effect"]["effectType"], trigger["condition"]["expression"]
    truth, failed = holds(body, expression) if holds else (False, False)
    fields = body.get("authorizationData") or {}
    return PolicyRule(
        id=body["id"],
        name=body["name"],
        priority=body["priority"],
        effect=2 if failed else effect,
        holds=truth,
        expression=expression,
        description=trigger["condition"].get("description") or "",
        effect_description=trigger["effect"].get("description") or "",
        accept=body["scoreInterval"]["accept"],
        deny=body["scoreInterval"]["deny"],
        require_all=bool(fields.get("requireAllApprovals")),
        authorizers=tuple(
            PolicyAuthorizer(str(one["id"]), str(one["type"]))
            for one in fields.get("authorizers") or ()
        ),
    )


def _holds(document: Json, order: Order, body: Json, expression: str) -> tuple[bool, bool]:
    """Whether the expression is true; one that fails holds the order, in sight."""
    try:
        return jsonata.compile(expression).truthy(document, order.changed_at), False
    except (jsonata.EvaluationError, jsonata.ExpressionError) as error:
        log.warning(
            "policy_rule_failed",
            account=order.account,
            order_id=order.order_id,
            rule=body["id"],
            error=type(error).__name__,
        )
        return True, True


async def follow_changes(cell: Cell, ctx: CommandContext) -> None:
    """Have the account's orders pass through policies or not, and waiting ones follow them."""
    found = await asyncio.to_thread(_configured, cell, ctx.account)

    def settings(state: Account | None) -> list[AccountEvent]:
        assert state is not None
        fields = bool(found)
        return (
            [] if state.setting(SETTING) == fields else [AccountSettingsChanged({SETTING: fields})]
        )

    await cell.ledger.change_account(ctx, settings)
    known = {one["id"]: {r["id"]: rule_of(r) for r in one["ruleCollection"]} for one in found}
    for order_id in await asyncio.to_thread(_waiting, cell, ctx.account):
        await cell.ledger.change(ctx, order_id, partial(revise_policies, known=known))


def _configured(cell: Cell, account: str) -> list[Json]:
    with cell.database.reading() as connection:
        return [one.body for one in dimensions.of_account(connection, account)]


def _waiting(cell: Cell, account: str) -> list[str]:
    t = order_views
    query = select(t.c.order_id).where(
        t.c.account == account, t.c.status == str(Status.WAITING_FOR_ORDER_AUTHORIZATION)
    )
    with cell.database.reading() as connection:
        return list(connection.execute(query).scalars())
