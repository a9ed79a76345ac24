"""Operators of an account: who has which role in it. Who they are is in their own streams."""

from collections.abc import Mapping
from dataclasses import dataclass

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import LastOwner, OperatorNotFound

OWNER = "Owner"


@dataclass(frozen=True, slots=True)
class MemberItem:
    """A row of `operator_roles`."""

    operator: str
    role: str

    @property
    def id(self) -> str:
        """The operator's id, under which the deployment knows the person."""
        return self.operator


@dataclass(frozen=True, slots=True)
class OperatorInvited:
    """A person got a role in the account, who had none in it."""

    operator: str
    role: str


@dataclass(frozen=True, slots=True)
class OperatorRoleChanged:
    """A person of the account has another role instead of the one of before."""

    operator: str
    role: str


@dataclass(frozen=True, slots=True)
class OperatorRemoved:
    """A person has no role in the account any more; the operator stays in the deployment."""

    operator: str


MemberEvent = OperatorInvited | OperatorRoleChanged | OperatorRemoved


def _given(
    before: Configuration, event: OperatorInvited | OperatorRoleChanged, at: int
) -> Configuration:
    return before.put(MemberItem(event.operator, event.role))


def _removed(before: Configuration, event: OperatorRemoved, at: int) -> Configuration:
    return before.without(MemberItem, event.operator)


APPLIERS: Mapping[type, Applier] = {
    OperatorInvited: _given,
    OperatorRoleChanged: _given,
    OperatorRemoved: _removed,
}


def change_role(
    configuration: Configuration, operator: str, role: str | None, disabled: frozenset[str]
) -> list[MemberEvent]:
    """Another role, or none; the last Owner who is not disabled stays one."""
    members = configuration.all(MemberItem)
    if operator not in members:
        raise OperatorNotFound(operator)
    owners = {m.operator for m in members.values() if m.role == OWNER} - disabled
    if owners == {operator} and role != OWNER:
        raise LastOwner()
    if role is None:
        return [OperatorRemoved(operator)]
    return [OperatorRoleChanged(operator, role)]
