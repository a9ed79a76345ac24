"""Signing in by e-mail and password, and asking again before what is dangerous."""

import hmac

from oms_ledger.cell import Cell
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import passwords
from projections.operators import directory, failures, sessions
from projections.operators.directory import Operator

VERIFIED_FOR = 600 * 1_000_000  # microseconds that a password given counts as given just now


class SignInRefused(Refusal):
    status, code = 401, "1"
    text = "The e-mail or the password is wrong"


class TooManyFailures(Refusal):
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


def sign_in(
    cell: Cell, email: str, password: str, *, agent: str, browser: str = ""
) -> tuple[Operator, str]:
    """The operator and the token of a new session; `TooManyFailures` while tries are blocked."""
    who, now = _who(cell, email), cell.clock.micros()
    known = hmac.compare_digest(browser.encode(), browser_mark(cell, email).encode())
    with cell.database.snapshot() as connection:
        wait = failures.blocked_seconds(connection, who, known_browser=known, now=now)
        operator = directory.by_email(connection, email)
    if wait:
        raise TooManyFailures(wait)
    if operator is not None and operator.disabled_at is not None:
        operator = None
    right = passwords.verify(operator.password_hash if operator else None, password)
    with cell.database.writing() as connection:
        if operator is None or not right:
            failures.add(connection, who, known_browser=known, now=now)
        else:
            failures.clear(connection, who)
            token = sessions.open_session(connection, operator.id, agent, now)
            if passwords.outdated(operator.password_hash or ""):
                renewed = passwords.hash_password(password)
                directory.set_fields(connection, operator.id, password_hash=renewed)
    if operator is None or not right:
        raise SignInRefused()
    return operator, token


def verify_again(cell: Cell, operator: Operator, token_hash: bytes, password: str) -> None:
    """Note that the operator gave the password just now; refused where it is wrong."""
    who, now = _who(cell, operator.email), cell.clock.micros()
    with cell.database.snapshot() as connection:
        wait = failures.blocked_seconds(connection, who, known_browser=True, now=now)
    if wait:
        raise TooManyFailures(wait)
    right = passwords.verify(operator.password_hash, password)
    with cell.database.writing() as connection:
        if right:
            sessions.mark_verified(connection, token_hash, now)
        else:
            failures.add(connection, who, known_browser=True, now=now)
    if not right:
        raise SignInRefused()


def session_of(cell: Cell, token: str) -> tuple[sessions.Session, Operator] | None:
    """The session of a cookie with its operator; None when it is over or the person disabled."""
    now = cell.clock.micros()
    with cell.database.snapshot() as connection:
        session = sessions.get(connection, token, now)
        operator = directory.get(connection, session.operator) if session else None
    if session is None or operator is None or operator.disabled_at is not None:
        return None
    if session.seen_at + sessions.SEEN_AFTER < now:
        with cell.database.writing() as connection:
            sessions.mark_seen(connection, session, now)
    return session, operator
