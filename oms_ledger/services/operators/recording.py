"""Records what happens to an operator, with what else is written along with it."""

from collections.abc import Callable, Sequence
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.members import MemberEvent
from oms_ledger.accounts.operators import DEPLOYMENT, OperatorEvent, OperatorState, stream_of
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.records import Fill, order_stream

Decision = Callable[[OperatorState | None], Sequence[OperatorEvent]]


def by_deployment(actor: str) -> CommandContext:
    """The context of a change that is the deployment's and no account's."""
    return CommandContext(DEPLOYMENT, actor)


async def record_operator(
    cell: Cell,
    ctx: CommandContext,
    operator_id: str,
    decide: Decision,
    *,
    member: tuple[str, MemberEvent] | None = None,
    fills: Sequence[Fill] = (),
) -> None:
    """What is decided, and what that means in an account, in one transaction with the rows.

    `fills` run before the rows are filled.
    """

    def in_account(known: Account | None) -> Sequence[MemberEvent]:
        assert member is not None
        if known is None:
            raise AccountNotFound(member[0])
        return [member[1]]

    decisions: dict[str, Callable[[Any], Sequence[Any]]] = {stream_of(operator_id): decide}
    if member is not None:
        decisions[order_stream(member[0], "")] = in_account
    await cell.ledger.record(ctx, decisions, fills=fills)
