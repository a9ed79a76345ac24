"""v1 modifications of an order, registered at once."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import (
    Body,
    Cents,
    Count,
    json_body,
    parse,
)
from oms_ledger.api.http.receipts import receipt
from oms_ledger.orders.changes.v1 import Modification, UnitsInput
from oms_ledger.services.changes.registration import register

router = APIRouter(tags=["Order modifications"])

MayChange = Annotated[Caller, Depends(requires("change_order"))]


class Units(Body):
    """Units of a SKU; `price` of one in cents."""

    id: str | None = Field(None, coerce_numbers_to_str=True)
    quantity: Annotated[Count, Field(ge=1)]
    price: Annotated[Cents, Field(ge=0)]
    unit_multiplier: Annotated[Decimal | None, Field(gt=0, max_digits=12)] = None

    def to_domain(self) -> UnitsInput:
        """The units as the decision takes them."""
        return UnitsInput(self.id or "", self.quantity, self.price, self.unit_multiplier)


class RegisteredModification(Body):
    """Values in cents. `requestId` makes the change idempotent."""

    request_id: Annotated[str, Field(min_length=1, max_length=256, coerce_numbers_to_str=True)]
    reason: str | None = None
    discount_value: Cents | None = None
    increment_value: Cents | None = None
    items_removed: list[Units] | None = None
    items_added: list[Units] | None = None

    def to_domain(self) -> Modification:
        """The modification as the decision takes it."""
        return Modification(
            request_id=self.request_id,
            reason=self.reason or "",
            discount_value=self.discount_value or 0,
            increment_value=self.increment_value or 0,
            removed=tuple(one.to_domain() for one in self.items_removed or ()),
            added=tuple(one.to_domain() for one in self.items_added or ()),
        )


@router.post("/api/oms/pvt/orders/{order_id}/changes")
async def post_change(
    order_id: PathId, request: Request, cell: TheCell, caller: MayChange
) -> Response:
    """Register a modification at once; the receipt of its `requestId` when it is repeated."""
    requested = parse(RegisteredModification, await json_body(request)).to_domain()
    account = await cell.ledger.account(caller.account)
    order = await register(
        cell,
        caller.context,
        order_id,
        requested,
        trust_prices=account.setting("trust_request_prices"),
    )
    change = next(
        one for one in order.registered_changes if one.change.request_id == requested.request_id
    )
    return receipt(order, request, change.change.receipt, change.at)
