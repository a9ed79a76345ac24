"""Accounts, their operators and who came to them, in the ledger."""

from typing import get_args

from oms_ledger.accounts import access, operators
from oms_ledger.accounts.access import AccessEvent
from oms_ledger.accounts.account import Account, evolve_account
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.operators import OperatorEvent, OperatorState, evolve_operator
from oms_ledger.accounts.refusals import AccountNotFound, OperatorNotFound
from oms_ledger.eventstore.decider import Decider
from oms_ledger.eventstore.records import RecordedEvent


class AccountDecider(Decider[Account, AccountEvent]):
    """The account's own stream: its settings, keys, feeds, hooks and partners."""

    category = "account"
    events = get_args(AccountEvent)

    def evolve(self, state: Account | None, event: AccountEvent, record: RecordedEvent) -> Account:
        """The account after an event; ids and instants come from the record."""
        return evolve_account(state, event, record.at)

    def missing(self, stream: str) -> AccountNotFound:
        """The refusal of an account that nobody created."""
        return AccountNotFound(stream.removesuffix("/"))


class OperatorDecider(Decider[OperatorState, OperatorEvent]):
    """Operators of the back office, streams of the deployment and of no account."""

    category = operators.CATEGORY
    events = get_args(OperatorEvent)

    def evolve(
        self, state: OperatorState | None, event: OperatorEvent, record: RecordedEvent
    ) -> OperatorState:
        """The operator after an event, with the id that its stream is called by."""
        return evolve_operator(state, event, _id_of(record.stream), record.at)

    def missing(self, stream: str) -> OperatorNotFound:
        """The refusal of an operator that nobody created, by the id alone."""
        return OperatorNotFound(_id_of(stream))


class AccessDecider(Decider[int, AccessEvent]):
    """The state is how much was recorded."""

    category = access.CATEGORY
    events = get_args(AccessEvent)

    def evolve(self, state: int | None, event: AccessEvent, record: RecordedEvent) -> int:
        """One more than before: nothing is decided by what such an event says."""
        return (state or 0) + 1


def _id_of(stream: str) -> str:
    return stream.split("/", 2)[2]
