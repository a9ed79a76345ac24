"""Accounts in the ledger: settings, and what was done to the account itself."""

from typing import get_args

from oms_ledger.accounts.account import Account, evolve_account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.eventstore.decider import Decider
from oms_ledger.eventstore.records import RecordedEvent


class AccountDecider(Decider[Account, AccountEvent]):
    category = "account"
    events = get_args(AccountEvent)

    def evolve(self, state: Account | None, event: AccountEvent, record: RecordedEvent) -> Account:
        return evolve_account(state, event, record.at)

    def missing(self, stream: str) -> AccountNotFound:
        return AccountNotFound(stream.removesuffix("/"))
