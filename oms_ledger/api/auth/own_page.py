"""A change that only a cookie authenticates has to come from a page of this very address.

A browser sends cookies by itself, with the request of any page. It says where that page is from by
`Sec-Fetch-Site` and `Origin`; who sends neither is no browser.
"""

from fastapi import Request

from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.origin import origin_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def require_own_page(request: Request) -> None:
    """Refuse a change that a browser sends for a page of another origin, or not as JSON."""
    if request.method in SAFE:
        return
    site, origin = (request.headers.get(name) for name in ("sec-fetch-site", "origin"))
    if site is None and origin is None:
        return
    own = origin_of(request).address.lower()
    foreign = (site is not None and site != "same-origin") or (
        origin is not None and origin.lower() != own
    )
    body = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0"
    if foreign or not (body == "application/json" or (empty and not body)):
        message = "Access denied. A change that a cookie allows comes from a page of this address"
        raise ApiError(403, "CHK003", f"{message}, as application/json")
