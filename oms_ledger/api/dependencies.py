"""What endpoints ask for: the cell, and who calls. Doors are closed before anything is read."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from oms_ledger.api.errors import forbidden, unauthorized
from oms_ledger.api.roles import OPERATIONS, ROLES
from oms_ledger.ledger.ledger import Ledger
from oms_ledger.wiring import Cell
from projections import app_keys
from projections.app_keys import AppKey

_FRESH = 1.0  # seconds that a key is remembered; a revoked one is shut out after as long


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key it is and for which account it asks; always the key's own account."""

    account: str
    app_key: str
    resources: frozenset[str]


def get_cell(request: Request) -> Cell:
    cell: Cell = request.app.state.cell
    return cell


def get_ledger(cell: Annotated[Cell, Depends(get_cell)]) -> Ledger:
    return cell.ledger


TheCell = Annotated[Cell, Depends(get_cell)]
TheLedger = Annotated[Ledger, Depends(get_ledger)]


class Doorkeeper:
    """Knows keys for a second, so that a busy client costs no look-up a request."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._known: dict[str, tuple[float, AppKey | None]] = {}

    async def key(self, app_key: str) -> AppKey | None:
        seen, known = self._known.get(app_key, (0.0, None))
        if known is None or seen + _FRESH < time.monotonic():
            known = await asyncio.to_thread(self._look_up, app_key)
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[app_key] = (time.monotonic(), known)
        return known

    def _look_up(self, app_key: str) -> AppKey | None:
        with self._cell.database.reading() as connection:
            return app_keys.get(connection, app_key)


async def known_caller(request: Request) -> Caller:
    """The caller by app key and token: 401 for a bad one, 404 and 403 for a foreign account."""
    app_key = request.headers.get("x-vtex-api-appkey", "")
    token = request.headers.get("x-vtex-api-apptoken", "")
    if not app_key or not token:
        raise unauthorized(request.scope["path"])
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    key = await doorkeeper.key(app_key)
    if key is None or not key.opens(token):
        raise unauthorized(request.scope["path"])
    asked = request.scope["state"].get("account_asked")
    if asked and asked != key.account:
        await request.app.state.cell.ledger.account(asked)  # unknown: 404
        raise forbidden(frozenset({f"a role in the account {asked}"}))
    return Caller(key.account, app_key, ROLES.get(key.role, frozenset()))


KnownCaller = Annotated[Caller, Depends(known_caller)]


def requires(operation: str) -> Callable[[Caller], Awaitable[Caller]]:
    """The caller, once one of the operation's resources is theirs; 403 names them otherwise."""
    needed = OPERATIONS[operation]

    async def allowed(caller: KnownCaller) -> Caller:
        if not caller.resources & needed:
            raise forbidden(needed)
        return caller

    return allowed
