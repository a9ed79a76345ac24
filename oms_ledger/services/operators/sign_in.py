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
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from oms_ledger.services.operators.recording import by_deployment, record_operator
from projections.operators import directory, failures, sessions
from projections.operators.directory import Operator

PASSWORD, CODE = "sign-in", "code"
"""What is counted apart: whoever knows the password still has to guess the code."""
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


def _who(cell: Cell, email: str, kind: str = PASSWORD) -> str:
    return cell.encryption.sign(f"{kind}:{email.strip().casefold()}")


def browser_mark(cell: Cell, email: str) -> str:
    """The cookie of a browser in which this e-mail signed in before."""
    return cell.encryption.sign(f"browser:{email.strip().casefold()}")


async def sign_in(
    cell: Cell, email: str, password: str, *, agent: str, browser: str = ""
) -> tuple[Operator, str | None]:
    """The operator and the token of a new session; `TooManyFailures` while tries are blocked.

    None in place of the token where a code has to follow: then nobody is signed in yet. A try is
    recorded in the stream of the operator, if there is one of that e-mail. Those of others are
    counted alone: nobody fills the ledger with e-mails.
    """
    known = is_known_browser(cell, email, browser)
    await take_try(cell, email, known_browser=known)
    operator, right = await asyncio.to_thread(_checked, cell, email, password)
    if operator is None:
        raise SignInRefused()
    if not right:
        await record_refusal(cell, operator, OperatorSignInRefused(known))
        raise SignInRefused()
    renewed: list[OperatorEvent] = []
    if passwords.outdated(operator.password_hash or ""):
        again = await asyncio.to_thread(passwords.hash_password, password)
        renewed.append(OperatorPasswordSet(rehashed=True, password_hash=again))
    if operator.second_factor is not None:
        await record_operator(cell, by_person(operator), operator.id, lambda _: renewed)
        await cell.write(failures.clear, _who(cell, email))
        return await cell.read(directory.get, operator.id) or operator, None
    token = sessions.new_token()

    def let_in(connection: Connection) -> None:
        open_session(cell, connection, operator, agent, token)

    new = [signed_in(token, known_browser=known), *renewed]
    await record_operator(cell, by_person(operator), operator.id, lambda _: new, fills=[let_in])
    return operator, token


def is_known_browser(cell: Cell, email: str, mark: str) -> bool:
    """Whether a browser's cookie says that this e-mail signed in there before."""
    return hmac.compare_digest(mark.encode(), browser_mark(cell, email).encode())


def signed_in(token: str, *, known_browser: bool) -> OperatorSignedIn:
    """The event that names the session of a token."""
    return OperatorSignedIn(known_browser, sessions.name_of(sessions.hash_of(token)))


def open_session(
    cell: Cell, connection: Connection, operator: Operator, agent: str, token: str
) -> None:
    """Begin the session of a token; the failures before it are forgotten."""
    for kind in (PASSWORD, CODE):
        failures.clear(connection, _who(cell, operator.email, kind))
    sessions.open_session(connection, operator.id, agent, cell.clock.micros(), token)


async def take_try(cell: Cell, email: str, kind: str = PASSWORD, *, known_browser: bool) -> None:
    """Count a password or a code as failed until it is found right; refused while blocked."""
    who, now = _who(cell, email, kind), cell.clock.micros()
    wait = await cell.write(failures.take, who, known_browser=known_browser, now=now)
    if wait:
        raise TooManyFailures(wait)


def _checked(cell: Cell, email: str, password: str) -> tuple[Operator | None, bool]:
    """Who has the e-mail, and whether the password opens; takes as long for an unknown one."""
    with cell.database.snapshot() as connection:
        operator = directory.by_email(connection, email)
    open_to = operator is not None and operator.disabled_at is None
    right = passwords.verify(operator.password_hash if operator and open_to else None, password)
    return operator, right


def by_person(operator: Operator) -> CommandContext:
    """The context of what a person does to their own sign-in."""
    return by_deployment(f"person:{operator.id}")


async def record_refusal(cell: Cell, operator: Operator, refused: OperatorSignInRefused) -> None:
    """Whoever tried: it need not have been the operator."""
    await record_operator(cell, by_deployment("anonymous"), operator.id, lambda _: [refused])


async def verify_again(cell: Cell, operator: Operator, token_hash: bytes, password: str) -> None:
    """Note that the operator gave the password just now; refused where it is wrong."""
    await take_try(cell, operator.email, known_browser=True)
    if not await asyncio.to_thread(passwords.verify, operator.password_hash, password):
        await record_refusal(cell, operator, OperatorSignInRefused(known_browser=True))
        raise SignInRefused()

    def note(connection: Connection) -> None:
        failures.clear(connection, _who(cell, operator.email))
        sessions.mark_verified(connection, token_hash, cell.clock.micros())

    await cell.write(note)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes with a session's cookie, and where the ledger stood then."""

    session: sessions.Session
    operator: Operator
    position: int


def visit(cell: Cell, token: str) -> Visit | None:
    """The session of a cookie with its operator; None when it is over or the person disabled."""
    now = cell.clock.micros()
    with cell.database.reading() as connection:
        found = sessions.get(connection, token, now)
    if found is None or found[1].disabled_at is not None:
        return None
    session, operator, position = found
    if session.seen_at + sessions.SEEN_AFTER < now:
        with cell.database.writing() as connection:
            sessions.mark_seen(connection, session, now)
    return Visit(session, operator, position)
