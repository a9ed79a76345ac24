"""Whose an order is: by the profile that the server gave, with all the e-mails it had (G34)."""

from fastapi import Request
from sqlalchemy import Connection

from oms_ledger.accounts.roles import PLACE
from oms_ledger.api.auth.dependencies import Caller
from oms_ledger.cell import Cell
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import Json
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.customers.identity import body_with_identity
from projections.customers import shoppers


async def require_own(request: Request, order: Order, email: str) -> None:
    """Refuses an order that is not this person's: it is as unknown as one that is not there."""
    profile = order.placed.client_profile

    def is_theirs(connection: Connection) -> bool:
        person = shoppers.known_as(connection, order.account, email)
        return person.is_of(profile.get("email"), profile.get("userProfileId"))

    theirs, _ = await request.app.state.freshness.read(is_theirs)
    if not theirs:
        raise OrderNotFound()


def identified(cell: Cell, caller: Caller, body: Json) -> Json:
    """Return a placement's body with the profile that counts: only `Place Orders` may name one."""
    vouched = PLACE in caller.resources
    return body_with_identity(cell.encryption, caller.account, body, vouched=vouched)
