"""How a person comes to a password: the first link, an invitation, a reset."""

import asyncio
import re

from sqlalchemy import Connection

from oms_ledger.accounts import members
from oms_ledger.accounts.members import OWNER, OperatorInvited
from oms_ledger.accounts.operators import (
    OperatorCreated,
    OperatorDeploymentGranted,
    OperatorDisabled,
    OperatorEnabled,
    OperatorEvent,
    OperatorPasswordReset,
    OperatorPasswordSet,
    OperatorRenamed,
    OperatorState,
)
from oms_ledger.accounts.refusals import OperatorNotFound
from oms_ledger.accounts.roles import ROLES
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from oms_ledger.services.operators.recording import by_deployment, record_operator
from oms_ledger.services.operators.sign_in import signed_in
from projections.operators import directory, links, sessions
from projections.operators.directory import Operator
from projections.operators.links import Link

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


class LinkUsed(Refusal):
    """410: a link opens once, and for a limited time."""

    status, text = 410, "This link was used already, or its time is over"


class InvalidOperator(Refusal):
    """400: what is said of an operator cannot be."""

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
) -> tuple[Operator, str | None]:
    """Set the password of who the link is for; the operator and the token of a new session.

    None in place of the token where a code has to follow: a link is no second factor.
    """
    link, operator = await asyncio.to_thread(open_link, cell, token)
    fields = operator.email if operator else require_email(email)
    passwords.require_good(password, fields)
    name = (name.strip() or (operator.name if operator else ""))[:120]
    if not name:
        raise InvalidOperator("Name: found nothing, expected how others know you")
    hashed = await asyncio.to_thread(passwords.hash_password, password)
    operator_id = operator.id if operator else directory.new_id()
    lets_in = operator is None or operator.second_factor is None
    session = sessions.new_token() if lets_in else None

    actor = f"person:{operator_id}"

    def let_in(connection: Connection) -> None:
        if not links.use(connection, link, cell.clock.micros()):
            raise LinkUsed()
        if operator is not None:
            sessions.end_all(connection, operator_id)
        if session is not None:
            now = cell.clock.micros()
            sessions.open_session(connection, operator_id, agent, now, session)

    def decide(known: OperatorState | None) -> list[OperatorEvent]:
        came = [signed_in(session, known_browser=False)] if session else []
        if known is None:
            return [OperatorCreated(True, fields, name, hashed), *came]
        renamed = [OperatorRenamed(name)] if known.name != name else []
        return [*renamed, OperatorPasswordSet(password_hash=hashed), *came]

    owner = OperatorInvited(operator_id, OWNER)
    await record_operator(
        cell,
        by_deployment(actor),
        operator_id,
        decide,
        member=(link.account, owner) if operator is None and link.account else None,
        fills=[let_in],
    )
    return await require_operator(cell, fields), session


def require_email(text: str) -> str:
    """The address in lower case; `InvalidOperator` where it is none."""
    email = text.strip().casefold()
    if not _EMAIL.fullmatch(email):
        raise InvalidOperator("E-mail: expected an address like ana@example.com")
    return email


def require_role(role: str) -> str:
    """The role, if there is one of this name; else `InvalidOperator` lists them."""
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
    shown = name.strip()[:120] or email.partition("@")[0]

    def decide(before: OperatorState | None) -> list[OperatorEvent]:
        if before is None:
            return [OperatorCreated(deployment, email, shown)]
        granted = deployment and not before.deployment
        back = before.disabled_at is not None
        return [
            *([OperatorDeploymentGranted()] if granted else ()),
            *([OperatorEnabled()] if back else ()),
        ]

    await record_operator(
        cell,
        ctx or by_deployment("operator"),
        operator_id,
        decide,
        member=(ctx.account, OperatorInvited(operator_id, role)) if ctx else None,
    )
    if known is not None and known.password_hash and known.disabled_at is None:
        return operator_id, None
    token = await cell.write(links.create, "invite", operator=operator_id, now=cell.clock.micros())
    return operator_id, token


async def require_operator(cell: Cell, email: str) -> Operator:
    """The operator of an e-mail; `OperatorNotFound` where there is none."""
    operator = await cell.read(directory.by_email, email)
    if operator is None:
        raise OperatorNotFound(email)
    return operator


async def reset(cell: Cell, ctx: CommandContext, email: str) -> str:
    """The secret of a link by which the operator sets another password."""
    operator = await require_operator(cell, email)
    token = ""

    def make(connection: Connection) -> None:
        nonlocal token
        token = links.create(connection, "reset", operator=operator.id, now=cell.clock.micros())

    made = [OperatorPasswordReset()]
    await record_operator(cell, ctx, operator.id, lambda _: made, fills=[make])
    return token


async def disable(cell: Cell, ctx: CommandContext, email: str) -> None:
    """Shut an operator out; the sessions end at once."""
    operator = await require_operator(cell, email)

    def end(connection: Connection) -> None:
        sessions.end_all(connection, operator.id)

    def decide(before: OperatorState | None) -> list[OperatorEvent]:
        return [OperatorDisabled()] if before and before.disabled_at is None else []

    await record_operator(cell, ctx, operator.id, decide, fills=[end])


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
