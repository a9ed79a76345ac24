"""Where a browser lands whose store named no pages of its own: plain texts that say nothing.

`order_placed_url` of an account names its page for placed orders; until then the published
address answers here.
"""

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

ORDER_PLACED, CHECKOUT = "/checkout/orderPlaced/", "/checkout/"
_TEXTS = {
    ORDER_PLACED: ("Order placed", "Thank you. The store has your order."),
    CHECKOUT: ("Payment needed", "The payment was not made. Go back to the store and try again."),
}
_HEADERS = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}


async def show(request: Request) -> Response:
    """The page of the path: a title and one sentence."""
    title, text = _TEXTS[request.scope["path"].rstrip("/") + "/"]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
    )
    return HTMLResponse(page, headers=_HEADERS)
