"""Notes in the account's own stream what was done to it, whoever did it."""

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.api.auth.dependencies import Caller
from oms_ledger.cell import Cell


async def record(cell: Cell, caller: Caller, event: AccountEvent) -> None:
    """Append the event to the account's stream, with the caller as its actor."""

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(caller.account)
        return [event]

    await cell.ledger.change_account(caller.context, decide)
