"""Roles that follow from what an OpenID provider claims of a person (`OMS_OIDC_ROLES`).

In the accounts that the setting names the provider decides: who has no role there any more loses
it at the next sign-in, but for the last Owner. Roles in other accounts stay as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from oms_ledger.accounts.members import OperatorInvited
from oms_ledger.accounts.operators import OperatorCreated, OperatorEvent, OperatorState
from oms_ledger.accounts.refusals import LastOwner
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.services.operators import invitations
from oms_ledger.services.operators.recording import by_deployment, record_operator
from oms_ledger.settings import ClaimedRole
from projections.operators import directory
from projections.operators.directory import Operator

log = structlog.get_logger(__name__)

ACTOR = "openid"


def roles_of(rules: Sequence[ClaimedRole], claims: Mapping[str, Any]) -> dict[str, str | None]:
    """The role in each account that rules name, by the first that applies; None where none does."""
    roles: dict[str, str | None] = {}
    for rule in rules:
        held = _holds(claims.get(rule.claim), rule.value)
        if roles.get(rule.account) is None:
            roles[rule.account] = rule.role if held else None
    return roles


def _holds(claimed: Any, value: str) -> bool:
    return claimed == value or (isinstance(claimed, list) and value in claimed)


async def set_roles(cell: Cell, claims: Mapping[str, Any]) -> Operator | None:
    """Who the verified e-mail is of, with the roles that the claims give.

    None for somebody whom nobody invited and no claim gives a role. Who is shut out stays as is.
    """
    email = invitations.require_email(claims["email"])
    operator = await cell.read(directory.by_email, email)
    if operator is not None and operator.disabled_at is not None:
        return operator
    operator_id = operator.id if operator else directory.new_id()
    held = operator.roles if operator else {}
    for account, role in roles_of(cell.settings.openid_roles, claims).items():
        if role == held.get(account):
            continue
        if account in held:
            await _change(cell, account, operator_id, role)
        elif role is not None:
            await _give(cell, account, operator_id, email, invitations.require_role(role))
    return await cell.read(directory.by_email, email)


async def _give(cell: Cell, account: str, operator_id: str, email: str, role: str) -> None:
    def decide(before: OperatorState | None) -> list[OperatorEvent]:
        created = OperatorCreated(False, email, email.partition("@")[0])
        return [created] if before is None else []

    invited = OperatorInvited(operator_id, role)
    await record_operator(
        cell, by_deployment(ACTOR), operator_id, decide, member=(account, invited)
    )


async def _change(cell: Cell, account: str, operator_id: str, role: str | None) -> None:
    try:
        await invitations.change_role(cell, CommandContext(account, ACTOR), operator_id, role)
    except LastOwner:
        log.warning("openid_role_kept", account=account, operator=operator_id)
