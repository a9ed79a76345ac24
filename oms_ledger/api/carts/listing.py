"""The carts of an account as they are stored (ours): to be looked at, never changed by that."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.errors import ApiError, bad_request, shown
from oms_ledger.api.http.numbers import whole_number
from oms_ledger.api.orders.documents import json_response
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.instants import spell
from oms_ledger.whole_numbers import is_whole
from projections.carts import store
from projections.carts.store import ListedCart, LookedAtCart, Summary, summary_of

router = APIRouter(prefix="/api/ledger/carts", tags=["Carts"])
MOST = 200

MayList = Annotated[Caller, Depends(requires("list_carts"))]


def _row(cart_id: str, summary: Summary, one: ListedCart | LookedAtCart) -> dict[str, Any]:
    return {
        "orderFormId": cart_id,
        "salesChannel": summary.sales_channel,
        "lines": summary.lines,
        "units": summary.units,
        "orderGroup": summary.group,
        "version": one.version,
        "lastChange": spell(instant(one.written_at), "Z"),
        "expiresAt": spell(instant(one.expires_at), "Z"),
    }


def _whole(one: LookedAtCart) -> dict[str, Any]:
    cart = one.cart
    place = cart.place
    return {
        **_row(cart.id, summary_of(cart), one),
        "items": [
            {
                "uniqueId": line.unique_id,
                "id": line.id,
                "seller": line.seller,
                "quantity": line.quantity,
                "manualPrice": line.manual_price,
                "price": line.seen.price if line.seen else None,
                "sla": line.choice.sla,
                "deliveryChannel": line.choice.channel,
            }
            for line in cart.lines
        ],
        "email": (cart.profile or {}).get("email"),
        "country": place.country if place else None,
        "postalCode": place.postal_code if place else None,
        "payments": [
            {"paymentSystem": one.payment_system, "installments": one.installments}
            for one in cart.payments
        ],
        "coupon": cart.coupon,
        "marketingData": cart.marketing,
        "openTextField": cart.open_text,
        "messages": [
            {"code": one.code, "text": one.text, "status": one.status} for one in cart.messages
        ],
    }


@router.get("")
async def get_carts(request: Request, cell: TheCell, caller: MayList) -> Response:
    """Carts whose time is not over, what changed last first.

    `limit` is at most 200, and `next` is the `before` of the next page. Units count what is in
    the cart; `orderGroup` is what its last filling was placed as.
    """
    limit = whole_number(request, "limit", 50, MOST, lowest=1)
    before = _before(request.query_params.get("before", ""))

    def look(connection: Connection) -> list[ListedCart]:
        now = cell.clock.micros()
        account = caller.account
        return store.listed(
            connection, cell.encryption, account, now, limit=limit + 1, before=before
        )

    found = await cell.read(look)
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.expires_at}.{last.id}" if last else None
    page = [_row(one.id, one.summary, one) for one in found[:limit]]
    return json_response({"list": page, "next": following})


def _before(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    at, _, cart_id = text.partition(".")
    if not (is_whole(at) and cart_id):
        raise bad_request(f"before: found {shown(text)}, expected the next of a page")
    return int(at), cart_id


@router.get("/{order_form_id}")
async def get_cart(order_form_id: PathId, cell: TheCell, caller: MayList) -> Response:
    """A cart as it is stored: its lines with the prices that were last shown, in cents."""

    def look(connection: Connection) -> LookedAtCart | None:
        return store.look(
            connection, cell.encryption, caller.account, order_form_id, cell.clock.micros()
        )

    found = await cell.read(look)
    if found is None:
        raise ApiError(404, "OMS404", "Cart not found")
    return json_response(_whole(found))
