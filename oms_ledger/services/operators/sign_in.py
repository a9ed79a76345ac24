"""Signing in by e-mail and password, and asking again before what is dangerous."""

import asyncio
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection

from oms_ledger.accounts.operators import (
    OperatorEvent,
    OperatorPasswordSet,
    OperatorSignedIn,
    OperatorSignInRefused,
)
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.store import last_position
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from oms_ledger.services.operators.recording import by_deployment, record_operator
from projections.operators import directory, failures, sessions
from projections.operators.directory import Operator

VERIFIED_FOR = 600 * 1_000_000  # microseconds that a password given counts as given just now


class SignInRefused(Refusal):
    """401, the same whether the e-mail or the password is wrong."""

    status, code = 401, "1"
    text = "The e-mail or the password is wrong"


class TooManyFailures(Refusal):
    """429: whoever failed too often waits."""

    status, code = 429, "1"
    text = "Too many failures. Try again in {0} seconds"

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _who(cell: Cell, email: str) -> str:
    return cell.encryption.sign(f"sign-in:{email.strip().casefold()}")


def browser_mark(cell: Cell, email: str) -> str:
    """The cookie of a browser in which this e-mail signed in before."""
    return cell.encryption.sign(f"browser:{email.strip().casefold()}")


async def sign_in(
    cell: Cell, email: str, password: str, *, agent: str, browser: str = ""
) -> tuple[Operator, str]:
    """The operator and the token of a new session; `TooManyFailures` while tries are blocked.

    A try is recorded in the stream of the operator, if there is one of that e-mail. Those of others
    are counted alone: nobody fills the ledger with e-mails.
    """
    who = _who(cell, email)
    known = hmac.compare_digest(browser.encode(), browser_mark(cell, email).encode())
    operator, right = await asyncio.to_thread(_checked, cell, who, email, password, known)
    if operator is None:
        await cell.write(failures.add, who, known_browser=known, now=cell.clock.micros())
        raise SignInRefused()
    if not right:
        await _record_refusal(cell, operator, who, known)
        raise SignInRefused()
    new: list[OperatorEvent] = [OperatorSignedIn(known)]
    if passwords.outdated(operator.password_hash or ""):
        renewed = await asyncio.to_thread(passwords.hash_password, password)
        new.append(OperatorPasswordSet(rehashed=True, password_hash=renewed))
    token = ""

    def let_in(connection: Connection) -> None:
        nonlocal token
        failures.clear(connection, who)
        token = sessions.open_session(connection, operator.id, agent, cell.clock.micros())

    await record_operator(cell, _by(operator), operator.id, lambda _: new, fills=[let_in])
    return operator, token


def _checked(
    cell: Cell, who: str, email: str, password: str, known: bool
) -> tuple[Operator | None, bool]:
    """Who has the e-mail, and whether the password opens; takes as long for an unknown one."""
    now = cell.clock.micros()
    with cell.database.snapshot() as connection:
        wait = failures.blocked_seconds(connection, who, known_browser=known, now=now)
        operator = directory.by_email(connection, email)
    if wait:
        raise TooManyFailures(wait)
    open_to = operator is not None and operator.disabled_at is None
    right = passwords.verify(operator.password_hash if operator and open_to else None, password)
    return operator, right


def _by(operator: Operator) -> CommandContext:
    return by_deployment(f"person:{operator.id}")


async def _record_refusal(cell: Cell, operator: Operator, who: str, known: bool) -> None:
    """Whoever tried: it need not have been the operator."""

    def count(connection: Connection) -> None:
        failures.add(connection, who, known_browser=known, now=cell.clock.micros())

    refused = [OperatorSignInRefused(known)]
    ctx = by_deployment("anonymous")
    await record_operator(cell, ctx, operator.id, lambda _: refused, fills=[count])


async def verify_again(cell: Cell, operator: Operator, token_hash: bytes, password: str) -> None:
    """Note that the operator gave the password just now; refused where it is wrong."""
    who = _who(cell, operator.email)

    def check() -> bool:
        now = cell.clock.micros()
        with cell.database.snapshot() as connection:
            wait = failures.blocked_seconds(connection, who, known_browser=True, now=now)
        if wait:
            raise TooManyFailures(wait)
        return passwords.verify(operator.password_hash, password)

    if not await asyncio.to_thread(check):
        await _record_refusal(cell, operator, who, True)
        raise SignInRefused()
    await cell.write(sessions.mark_verified, token_hash, cell.clock.micros())


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes with a session's cookie, and where the ledger stood then."""

    session: sessions.Session
    operator: Operator
    position: int


def visit(cell: Cell, token: str) -> Visit | None:
    """The session of a cookie with its operator; None when it is over or the person disabled."""
    now = cell.clock.micros()
    with cell.database.snapshot() as connection:
        found = sessions.get(connection, token, now)
        if found is None or found[1].disabled_at is not None:
            return None
        session, operator = found
        position = last_position(connection)
    if session.seen_at + sessions.SEEN_AFTER < now:
        with cell.database.writing() as connection:
            sessions.mark_seen(connection, session, now)
    return Visit(session, operator, position)
