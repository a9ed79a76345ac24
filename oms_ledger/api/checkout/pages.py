"""Where a browser lands whose store named no pages of its own: plain texts that say nothing.

`order_placed_url` of an account names its page for placed orders; until then the published
address answers here.
"""

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

ORDER_PLACED, CHECKOUT = "/checkout/orderPlaced/", "/checkout/"
_TEXTS = {
    ORDER_PLACED: ("Order placed", "Thank you. The store has your order."),
    CHECKOUT: ("Payment needed", "The payment was not made. Go back to the store and try again."),
}
_HEADERS = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}


_OF_ADDRESSES = ":/?#[]@!$&'()*+,;=%"


def placed_page(page: str, order_group: str) -> str:
    """A page's address with the group of the order that was placed, `og`, in ASCII as a header is.

    A fragment stays at its end.
    """
    address, mark, fragment = page.partition("#")
    group = quote(order_group, safe="")
    named = f"{address}{'&' if '?' in address else '?'}og={group}{mark}{fragment}"
    return quote(named, safe=_OF_ADDRESSES)


async def show(request: Request) -> Response:
    """The page of the path: a title and one sentence."""
    title, text = _TEXTS[request.scope["path"].rstrip("/") + "/"]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
    )
    return HTMLResponse(page, headers=_HEADERS)
