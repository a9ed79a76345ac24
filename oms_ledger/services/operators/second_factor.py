"""A code after the password (TOTP, RFC 6238): turned on, asked for, turned off.

The secret is made here and shown until it is set: meanwhile it travels sealed in the form. A
sign-in that waits for its code is a sealed cookie. A code of six digits counts for its 30 seconds
and those before and after them, and once.
"""

import hmac
from dataclasses import dataclass

import msgspec
import pyotp
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from oms_ledger.accounts.operators import (
    OperatorEvent,
    OperatorSecondFactorRemoved,
    OperatorSecondFactorSet,
    OperatorSignInRefused,
    OperatorState,
)
from oms_ledger.accounts.refusals import OperatorNotFound
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import sign_in
from oms_ledger.services.operators.recording import record_operator
from projections.operators import directory, sessions
from projections.operators.directory import Operator

ISSUER = "oms-ledger"
STEP = 30  # seconds
AROUND = 1  # steps that the device's clock may differ
LIFE = 600 * 1_000_000  # microseconds that a person may take for the code
_PLACE = "second-factor-sign-in"


class CodeRefused(Refusal):
    """401: another code is expected; nothing says whether this one ever was right."""

    status, code = 401, "1"
    text = "The code is wrong, or was used already"


class SignInOver(Refusal):
    """401: no password was given within ten minutes, or what it opened has changed."""

    status, code = 401, "1"
    text = "That took too long, or your settings have changed. Sign in again"


class SecondFactorKnown(Refusal):
    """409: the second factor is on already; another device comes after turning it off."""

    status, text = 409, "The second factor is on already. Turn it off first"


class OfElsewhere(Refusal):
    """403: the person may also do what the asker has no say in."""

    status, code = 403, "1"
    text = (
        "This person has a role in another account, or the deployment. Who runs the deployment"
        " resets the second factor: oms-ledger person reset-second-factor"
    )


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in whose password was right; `at` in microseconds since 1970."""

    operator: str
    opened: str
    wanted: str
    at: int


def new_secret() -> str:
    """A secret of 160 bits in base 32, as devices take it."""
    return pyotp.random_base32()


def address_of(secret: str, email: str) -> str:
    """The `otpauth:` address that a device on the same machine opens."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def offer(cell: Cell, operator: Operator, secret: str) -> str:
    """A secret that is not set yet, sealed for the form of who may set it."""
    return cell.encryption.seal(secret.encode(), _offered_to(operator)).hex()


def offered(cell: Cell, operator: Operator, sealed: str) -> str | None:
    """The secret of a form; None where it was sealed for somebody else, or not here."""
    try:
        return cell.encryption.open(bytes.fromhex(sealed), _offered_to(operator)).decode()
    except (ValueError, InvalidTag):
        return None


def _offered_to(operator: Operator) -> str:
    return f"second-factor-offer:{operator.id}"


def step_of(secret: str, code: str, seconds: float) -> int:
    """The step whose code this is, among those that count at an instant; else `CodeRefused`."""
    digits = "".join(code.split())
    now, totp = int(seconds // STEP), pyotp.TOTP(secret)
    found = None
    for step in range(max(0, now - AROUND), now + AROUND + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode()):
            found = step
    if found is None:
        raise CodeRefused()
    return found


async def turn_on(
    cell: Cell, operator: Operator, token_hash: bytes, *, secret: str, code: str
) -> None:
    """Ask for codes of this secret from now on; the person's other sessions end."""
    step = step_of(secret, code, cell.clock.seconds())

    def begin(connection: Connection) -> None:
        directory.begin_steps(connection, operator.id, step)
        sessions.end_all(connection, operator.id, but=token_hash)

    def decide(known: OperatorState | None) -> list[OperatorEvent]:
        if known is not None and known.second_factor is not None:
            raise SecondFactorKnown()
        return [OperatorSecondFactorSet(secret)]

    ctx = sign_in.by_person(operator)
    await record_operator(cell, ctx, operator.id, decide, fills=[begin])


async def turn_off(cell: Cell, operator: Operator) -> None:
    """The password alone opens again, as the person wants it."""
    await record_operator(cell, sign_in.by_person(operator), operator.id, _removed)


async def reset(cell: Cell, ctx: CommandContext, operator: Operator) -> None:
    """Turn it off for somebody whose device is lost; the sessions end."""

    def end(connection: Connection) -> None:
        sessions.end_all(connection, operator.id)

    await record_operator(cell, ctx, operator.id, _removed, fills=[end])


async def reset_member(cell: Cell, ctx: CommandContext, operator_id: str) -> None:
    """As `reset`, for a person of the account alone; else `OfElsewhere`."""
    operator = await cell.read(directory.get, operator_id)
    if operator is None or ctx.account not in operator.roles:
        raise OperatorNotFound(operator_id)
    if operator.deployment or len(operator.roles) > 1:
        raise OfElsewhere()
    await reset(cell, ctx, operator)


def _removed(known: OperatorState | None) -> list[OperatorEvent]:
    on = known is not None and known.second_factor is not None
    return [OperatorSecondFactorRemoved()] if on else []


def begin(cell: Cell, operator: Operator, wanted: str) -> bytes:
    """The sealed cookie of a person who gave the password, and has to give a code."""
    pending = Pending(operator.id, _opened(cell, operator), wanted, cell.clock.micros())
    return cell.encryption.seal(msgspec.json.encode(pending), _PLACE)


def _opened(cell: Cell, operator: Operator) -> str:
    """What the cookie is of: another password or another secret ends it."""
    sealed = (operator.second_factor or b"").hex()
    return cell.encryption.sign(f"second-factor:{operator.password_hash}:{sealed}")


async def waiting(cell: Cell, sealed: bytes) -> tuple[Operator, str]:
    """Who has to give a code, and the page wanted; `SignInOver` where nobody has."""
    try:
        pending = msgspec.json.decode(cell.encryption.open(sealed, _PLACE), type=Pending)
    except (InvalidTag, msgspec.DecodeError):
        raise SignInOver() from None
    operator = await cell.read(directory.get, pending.operator)
    late = pending.at + LIFE < cell.clock.micros()
    if operator is None or operator.second_factor is None or operator.disabled_at or late:
        raise SignInOver()
    if not hmac.compare_digest(pending.opened, _opened(cell, operator)):
        raise SignInOver()
    return operator, pending.wanted


async def finish(
    cell: Cell, sealed: bytes, code: str, *, agent: str, browser: str = ""
) -> tuple[Operator, str, str]:
    """The operator, the token of a new session, and the page wanted.

    `CodeRefused` is recorded and counted like a wrong password; `TooManyFailures` while tries are
    blocked.
    """
    operator, wanted = await waiting(cell, sealed)
    known = sign_in.is_known_browser(cell, operator.email, browser)
    await sign_in.take_try(cell, operator.email, sign_in.CODE, known_browser=known)
    secret = directory.second_factor(cell.encryption, operator.id, operator.second_factor)
    assert secret is not None, "nobody waits for a code of no secret"
    token = sessions.new_token()

    def let_in(connection: Connection) -> None:
        if not directory.use_step(connection, operator.id, step):
            raise CodeRefused()
        sign_in.open_session(cell, connection, operator, agent, token)

    signed_in: list[OperatorEvent] = [sign_in.signed_in(token, known_browser=known)]
    try:
        step = step_of(secret, code, cell.clock.seconds())
        ctx = sign_in.by_person(operator)
        await record_operator(cell, ctx, operator.id, lambda _: signed_in, fills=[let_in])
    except CodeRefused:
        await sign_in.record_refusal(cell, operator, OperatorSignInRefused(known, True))
        raise
    return operator, token, wanted
