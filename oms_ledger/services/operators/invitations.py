"""How a person comes to a password: the first link, an invitation, a reset."""

import re

from oms_ledger.accounts.roles import ROLES
from oms_ledger.cell import Cell
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from projections.operators import directory, links, sessions
from projections.operators.directory import Operator
from projections.operators.links import Link
from projections.subscriptions.checkpoints import now_micros

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


class LinkUsed(Refusal):
    status, text = 410, "This link was used already, or its time is over"


class InvalidOperator(Refusal):
    status, text = 400, "{0}"


class OperatorNotFound(Refusal):
    status, code, text = 404, "OMS007", "There is no operator {0}"


class LastOwner(Refusal):
    status, code, text = 409, "OMS003", "The account would have no Owner any more"


def first_link(cell: Cell, account: str | None) -> str | None:
    """The secret of the first link; None once there is an operator."""
    with cell.database.writing() as connection:
        if directory.any_exist(connection):
            return None
        return links.create(connection, "first", operator=None, account=account)


def open_link(cell: Cell, token: str) -> tuple[Link, Operator | None]:
    """The link of a secret with the operator it is for; refused when it is over."""
    with cell.database.snapshot() as connection:
        link = links.get(connection, token)
        operator = directory.get(connection, link.operator) if link and link.operator else None
    if link is None or not link.open:
        raise LinkUsed()
    return link, operator


def use_link(cell: Cell, token: str, *, email: str, name: str, password: str, agent: str) -> str:
    """Set the password of who the link is for; the token of a new session."""
    link, operator = open_link(cell, token)
    fields = operator.email if operator else require_email(email)
    passwords.require_good(password, fields)
    name = (name.strip() or (operator.name if operator else ""))[:120]
    if not name:
        raise InvalidOperator("Name: found nothing, expected how others know you")
    hashed = passwords.hash_password(password)
    with cell.database.writing() as connection:
        if not links.use(connection, link):
            raise LinkUsed()
        if operator is None:
            operator_id = directory.create(
                connection, email=fields, name=name, deployment=True, password_hash=hashed
            )
            if link.account:
                directory.set_role(connection, operator_id, link.account, "Owner")
        else:
            operator_id = operator.id
            directory.set_fields(connection, operator_id, password_hash=hashed, name=name)
            sessions.end_all(connection, operator_id)
        return sessions.open_session(connection, operator_id, agent)


def require_email(text: str) -> str:
    email = text.strip().casefold()
    if not _EMAIL.fullmatch(email):
        raise InvalidOperator("E-mail: expected an address like ana@example.com")
    return email


def require_role(role: str) -> str:
    if role not in ROLES:
        raise InvalidOperator(f"There is no role {role!r}. Roles: {', '.join(sorted(ROLES))}")
    return role


def invite(
    cell: Cell, *, email: str, name: str, account: str | None, role: str, deployment: bool = False
) -> tuple[str, str | None]:
    """The operator's id and the secret of the link to pass on; None where there is a password.

    Somebody who signs in already gets the role, and needs no link.
    """
    email, role = require_email(email), require_role(role)
    with cell.database.writing() as connection:
        operator = directory.by_email(connection, email)
        if operator is None:
            operator_id = directory.create(
                connection,
                email=email,
                name=name.strip()[:120] or email.partition("@")[0],
                deployment=deployment,
                password_hash=None,
            )
        else:
            operator_id = operator.id
            if deployment:
                directory.set_fields(connection, operator_id, deployment=True)
        if account is not None:
            directory.set_role(connection, operator_id, account, role)
        if operator is not None and operator.password_hash and operator.disabled_at is None:
            return operator_id, None
        directory.set_fields(connection, operator_id, disabled_at=None)
        return operator_id, links.create(connection, "invite", operator=operator_id)


def reset(cell: Cell, email: str) -> str:
    """The secret of a link by which the operator sets another password."""
    with cell.database.writing() as connection:
        operator = directory.by_email(connection, email)
        if operator is None:
            raise OperatorNotFound(email)
        return links.create(connection, "reset", operator=operator.id)


def disable(cell: Cell, email: str) -> None:
    """Shut an operator out; the sessions end at once."""
    with cell.database.writing() as connection:
        operator = directory.by_email(connection, email)
        if operator is None:
            raise OperatorNotFound(email)
        directory.set_fields(connection, operator.id, disabled_at=now_micros())
        sessions.end_all(connection, operator.id)


def change_role(cell: Cell, operator_id: str, account: str, role: str | None) -> None:
    """Another role in the account, or none; the sessions end. The last Owner stays one."""
    if role is not None:
        require_role(role)
    with cell.database.writing() as connection:
        operators = directory.of_account(connection, account)
        operator = next((o for o in operators if o.id == operator_id), None)
        if operator is None:
            raise OperatorNotFound(operator_id)
        owners = [o.id for o in operators if o.roles[account] == "Owner" and not o.disabled_at]
        if owners == [operator_id] and role != "Owner":
            raise LastOwner()
        directory.set_role(connection, operator_id, account, role)
        sessions.end_all(connection, operator_id)
