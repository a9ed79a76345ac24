"""How a person comes to a password: the first link, an invitation, a reset."""

import asyncio
import re

from sqlalchemy import Connection

from oms_ledger.accounts import members
from oms_ledger.accounts.members import OWNER, OperatorInvited
from oms_ledger.accounts.refusals import OperatorNotFound
from oms_ledger.accounts.roles import ROLES
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from projections.operators import directory, links, sessions
from projections.operators.directory import Operator
from projections.operators.links import Link

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


class LinkUsed(Refusal):
    status, text = 410, "This link was used already, or its time is over"


class InvalidOperator(Refusal):
    status, text = 400, "{0}"


def first_link(cell: Cell, account: str | None) -> str | None:
    """The secret of the first link; None once there is an operator."""
    with cell.database.writing() as connection:
        if directory.any_exist(connection):
            return None
        return links.create(
            connection, "first", operator=None, account=account, now=cell.clock.micros()
        )


def open_link(cell: Cell, token: str) -> tuple[Link, Operator | None]:
    """The link of a secret with the operator it is for; refused when it is over."""
    with cell.database.snapshot() as connection:
        link = links.get(connection, token)
        operator = directory.get(connection, link.operator) if link and link.operator else None
    if link is None or not link.is_open(cell.clock.micros()):
        raise LinkUsed()
    return link, operator


async def use_link(
    cell: Cell, token: str, *, email: str, name: str, password: str, agent: str
) -> str:
    """Set the password of who the link is for; the token of a new session."""
    link, operator = await asyncio.to_thread(open_link, cell, token)
    fields = operator.email if operator else require_email(email)
    passwords.require_good(password, fields)
    name = (name.strip() or (operator.name if operator else ""))[:120]
    if not name:
        raise InvalidOperator("Name: found nothing, expected how others know you")
    hashed = await asyncio.to_thread(passwords.hash_password, password)
    operator_id = operator.id if operator else directory.new_id()
    session = ""

    def let_in(connection: Connection) -> None:
        nonlocal session
        if not links.use(connection, link, cell.clock.micros()):
            raise LinkUsed()
        if operator is None:
            directory.create(
                connection,
                operator_id,
                email=fields,
                name=name,
                deployment=True,
                password_hash=hashed,
                now=cell.clock.micros(),
            )
        else:
            directory.set_fields(connection, operator_id, password_hash=hashed, name=name)
            sessions.end_all(connection, operator_id)
        session = sessions.open_session(connection, operator_id, agent, cell.clock.micros())

    if operator is None and link.account:
        ctx = CommandContext(link.account, f"person:{operator_id}")
        owner = OperatorInvited(operator_id, OWNER)
        await cell.ledger.configure(ctx, lambda _: [owner], fills=[let_in])
    else:
        await cell.write(let_in)
    return session


def require_email(text: str) -> str:
    email = text.strip().casefold()
    if not _EMAIL.fullmatch(email):
        raise InvalidOperator("E-mail: expected an address like ana@example.com")
    return email


def require_role(role: str) -> str:
    if role not in ROLES:
        raise InvalidOperator(f"There is no role {role!r}. Roles: {', '.join(sorted(ROLES))}")
    return role


async def invite(
    cell: Cell,
    ctx: CommandContext | None,
    *,
    email: str,
    name: str,
    role: str,
    deployment: bool = False,
) -> tuple[str, str | None]:
    """The operator's id and the secret of the link to pass on; None where there is a password.

    The role is in the account that the context names; without one the operator gets none. Somebody
    who signs in already gets the role, and needs no link.
    """
    email, role = require_email(email), require_role(role)
    known = await cell.read(directory.by_email, email)
    operator_id = known.id if known else directory.new_id()
    token: str | None = None

    def admit(connection: Connection) -> None:
        nonlocal token
        if known is None:
            directory.create(
                connection,
                operator_id,
                email=email,
                name=name.strip()[:120] or email.partition("@")[0],
                deployment=deployment,
                password_hash=None,
                now=cell.clock.micros(),
            )
        elif deployment:
            directory.set_fields(connection, operator_id, deployment=True)
        if known is not None and known.password_hash and known.disabled_at is None:
            return
        directory.set_fields(connection, operator_id, disabled_at=None)
        token = links.create(connection, "invite", operator=operator_id, now=cell.clock.micros())

    if ctx is None:
        await cell.write(admit)
    else:
        invited = OperatorInvited(operator_id, role)
        await cell.ledger.configure(ctx, lambda _: [invited], fills=[admit])
    return operator_id, token


def reset(cell: Cell, email: str) -> str:
    """The secret of a link by which the operator sets another password."""
    with cell.database.writing() as connection:
        operator = directory.by_email(connection, email)
        if operator is None:
            raise OperatorNotFound(email)
        return links.create(connection, "reset", operator=operator.id, now=cell.clock.micros())


def disable(cell: Cell, email: str) -> None:
    """Shut an operator out; the sessions end at once."""
    with cell.database.writing() as connection:
        operator = directory.by_email(connection, email)
        if operator is None:
            raise OperatorNotFound(email)
        directory.set_fields(connection, operator.id, disabled_at=cell.clock.micros())
        sessions.end_all(connection, operator.id)


async def change_role(cell: Cell, ctx: CommandContext, operator_id: str, role: str | None) -> None:
    """Another role in the account, or none; the sessions end. The last Owner stays one."""
    if role is not None:
        require_role(role)
    disabled = await cell.read(directory.disabled)

    def end(connection: Connection) -> None:
        sessions.end_all(connection, operator_id)

    await cell.ledger.configure(
        ctx,
        lambda account: members.change_role(account.configuration, operator_id, role, disabled),
        fills=[end],
    )
