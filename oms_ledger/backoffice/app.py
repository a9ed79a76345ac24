"""The back office as an ASGI application: its routes, and the permission of each page."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from oms_ledger.accounts.roles import ROLES
from oms_ledger.backoffice import entrance
from oms_ledger.backoffice.page import (
    Elsewhere,
    Handler,
    NotAllowed,
    Office,
    Page,
    RefusedAnswer,
)
from oms_ledger.backoffice.pages import ROUTES
from oms_ledger.backoffice.protection import Protection
from oms_ledger.backoffice.static_files import by_hashed_name
from oms_ledger.cell import Cell
from oms_ledger.eventstore.database import UNAVAILABLE

log = structlog.get_logger(__name__)


def backoffice(api: ASGIApp, cell: Cell) -> ASGIApp:
    """The pages below `/admin`; they ask `api` in process."""
    office = Office(api, cell)
    routes = [
        Route("/admin/-/static/{name}", _static_file),
        *(
            Route(path, _open(office, handler), methods=methods, name=handler.__name__)
            for path, handler, methods in entrance.ROUTES
        ),
        *(
            Route(path, _closed(office, handler), methods=methods, name=handler.__name__)
            for path, handler, methods in ROUTES
        ),
        Route("/admin/{rest:path}", _closed(office, nowhere), methods=["GET", "POST"]),
        Route("/admin", _closed(office, nowhere), methods=["GET"]),
    ]
    return Protection(Starlette(routes=routes), cell.settings.public_url)


async def _static_file(request: Request) -> Response:
    """A file of the pages by its hashed name, for a year; 404 for another name."""
    file = by_hashed_name().get(request.path_params["name"])
    if file is None:
        return Response("Not found", 404, media_type="text/plain")
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(file.compressed, 200, headers, media_type=file.media_type)
    return Response(file.content, 200, headers, media_type=file.media_type)


def _open(
    office: Office, handler: Callable[[Request, Office], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(request, office)

    return endpoint


def _closed(office: Office, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The page, for who is signed in and has a role in the account of the address."""

    async def endpoint(request: Request) -> Response:
        visit = await entrance.visit_of(request, office)
        if visit is None:
            return _to_sign_in(request)
        operator = visit.operator
        page = Page(request, office, operator, visit.session, position=visit.position)
        account = request.path_params.get("account")
        try:
            if account is not None:
                if operator.roles.get(account) not in ROLES:
                    return await page.render("not_found.html", 404, looked_for=account, guesses=[])
                page.account = account
            return await handler(page)
        except Elsewhere as elsewhere:
            return RedirectResponse(elsewhere.location, 303)
        except NotAllowed as refused:
            return await page.render("not_allowed.html", 403, needed=sorted(refused.needed))
        except RefusedAnswer as failed:
            return await _failed(page, failed)
        except UNAVAILABLE as error:
            log.error("database_unavailable", exc_info=error)
            return entrance.unavailable(request)
        except Exception as error:
            request_id = request.scope["state"]["request_id"]
            log.error("page_failed", request_id=request_id, exc_info=error)
            return await page.render("broken.html", 500, request_id=request_id)

    return endpoint


async def _failed(page: Page, failed: RefusedAnswer) -> Response:
    answer = failed.answer
    if answer.status == 404:
        looked_for = answer.path.rpartition("/")[2]
        return await page.render("not_found.html", 404, looked_for=looked_for, guesses=[])
    return await page.render("refused.html", answer.status, answer=answer, error=answer.error)


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = wanted if request.method == "GET" else ""
    target = "/admin/-/sign-in" + (f"?next={quote(back)}" if back not in ("", "/admin") else "")
    return RedirectResponse(target, 303)


async def nowhere(page: Page) -> Response:
    """`/admin` leads to the person's account; anything else is not there."""
    path = page.request.url.path.rstrip("/")
    if path == "/admin":
        accounts = list(page.operator.roles)
        if accounts:
            raise Elsewhere(f"/admin/{accounts[0]}")
        if page.operator.deployment:
            raise Elsewhere("/admin/-/system")
        raise Elsewhere("/admin/-/me")
    first = path.split("/")[2]
    if first in page.operator.roles:
        page.account = first
    looked_for = path.rpartition("/")[2]
    return await page.render("not_found.html", 404, looked_for=looked_for, guesses=[])
