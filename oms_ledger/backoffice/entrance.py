"""Pages that anybody may open: signing in, the first link, an invitation, a reset."""

import asyncio
import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from oms_ledger.backoffice.page import Office, html_response, storable
from oms_ledger.backoffice.templating import environment
from oms_ledger.backoffice.translations import LANGUAGES
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators import invitations, openid, second_factor, sign_in
from oms_ledger.services.operators.second_factor import SignInOver
from oms_ledger.services.operators.sign_in import TooManyFailures, Visit
from projections.operators import sessions
from projections.operators.directory import Operator

BROWSER_DAYS = 90


def _names(request: Request) -> tuple[str, str]:
    """The cookies of the session and of the known browser."""
    secure = request.scope["state"]["secure"]
    return ("__Host-oms", "__Host-oms-browser") if secure else ("oms", "oms-browser")


async def visit_of(request: Request, office: Office) -> Visit | None:
    """Who is signed in by the cookie of the session, and None for anybody else."""
    token = request.cookies.get(_names(request)[0])
    if not token:
        return None
    return await asyncio.to_thread(sign_in.visit, office.cell, token)


def _language(request: Request) -> str:
    requested = request.headers.get("accept-language", "")[:2].lower()
    return requested if requested in LANGUAGES else "en"


def _page(request: Request, template: str, status: int = 200, **values: object) -> Response:
    language = _language(request)
    values = {"language": language, "error": None, **values}
    html = environment(language).get_template(template).render(**values)
    return html_response(request, html, status)


def unavailable(request: Request) -> Response:
    """A page for when the database does not answer; it needs nothing of it."""
    answer = _page(request, "unavailable.html", 503)
    answer.headers["retry-after"] = "5"
    return answer


async def _fields(request: Request) -> dict[str, str]:
    text = (await request.body()).decode("utf-8", "replace")
    return {name: storable(value) for name, value in parse_qsl(text, keep_blank_values=True)}


def own_path(text: str) -> str:
    """Where to go after signing in: a page of the back office, never another site."""
    good = text.startswith("/admin/") and "//" not in text and "\\" not in text
    return text if good and text.isprintable() else "/admin"


def _let_in(request: Request, office: Office, token: str, email: str, location: str) -> Response:
    answer = RedirectResponse(location, 303)
    secure = request.scope["state"]["secure"]
    name, browser = _names(request)
    kept: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "lax", "secure": secure}
    longest = sessions.LONGEST // sessions.SECOND
    answer.set_cookie(name, token, max_age=longest, **kept)
    mark = sign_in.browser_mark(office.cell, email)
    days = BROWSER_DAYS * 24 * 3600
    answer.set_cookie(browser, mark, max_age=days, **kept)
    return answer


def _reachable(request: Request) -> bool:
    """Whether a password may be sent here: over https, or on a loopback address."""
    return request.scope["state"]["origin"] is not None


async def get_sign_in(request: Request, office: Office) -> Response:
    """The form to sign in; who is signed in already goes to the page that was wanted."""
    wanted = own_path(request.query_params.get("next", ""))
    if await visit_of(request, office):
        return RedirectResponse(wanted, 303)
    return _sign_in_page(request, office, wanted)


def _sign_in_page(
    request: Request, office: Office, wanted: str, status: int = 200, **values: object
) -> Response:
    settings = office.cell.settings
    given = {
        "wanted": wanted,
        "email": "",
        "open": _reachable(request),
        "passwords": settings.passwords,
        "openid": settings.openid_issuer is not None,
    }
    return _page(request, "sign_in.html", status, **given | values)


async def post_sign_in(request: Request, office: Office) -> Response:
    """Sign in by e-mail and password, or go on to the page that takes the code."""
    given = await _fields(request)
    email, wanted = given.get("email", ""), own_path(given.get("next", ""))
    if not _reachable(request) or not office.cell.settings.passwords:
        return _sign_in_page(request, office, wanted, 403, email=email)
    browser = request.cookies.get(_names(request)[1], "")
    agent = request.headers.get("user-agent", "")
    try:
        operator, token = await sign_in.sign_in(
            office.cell, email, given.get("password", ""), agent=agent, browser=browser
        )
    except Refusal as refusal:
        answer = _sign_in_page(
            request, office, wanted, refusal.status, email=email, error=refusal.message
        )
        if isinstance(refusal, TooManyFailures):
            answer.headers["retry-after"] = str(refusal.seconds)
        return answer
    if token is None:
        return _to_code(request, office, operator, wanted)
    return _let_in(request, office, token, operator.email, wanted)


def _code_cookie(request: Request) -> str:
    return "__Host-oms-code" if request.scope["state"]["secure"] else "oms-code"


def _to_code(request: Request, office: Office, operator: Operator, wanted: str) -> Response:
    """Ask for the code, from who gave the password: a sealed cookie says so."""
    answer = RedirectResponse("/admin/-/code", 303)
    answer.set_cookie(
        _code_cookie(request),
        base64.urlsafe_b64encode(second_factor.begin(office.cell, operator, wanted)).decode(),
        max_age=second_factor.LIFE // 1_000_000,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.scope["state"]["secure"],
    )
    return answer


def _kept(request: Request, name: str) -> bytes:
    """The sealed content of a cookie; empty where there is none, or nonsense."""
    try:
        return base64.urlsafe_b64decode(request.cookies.get(name, "").encode() + b"===")
    except binascii.Error:
        return b""


async def get_code(request: Request, office: Office) -> Response:
    """The form for the code that follows the password."""
    try:
        await second_factor.waiting(office.cell, _kept(request, _code_cookie(request)))
    except SignInOver:
        return RedirectResponse("/admin/-/sign-in", 303)
    return _page(request, "code.html")


async def post_code(request: Request, office: Office) -> Response:
    """Take the code of the second factor, which ends the sign-in."""
    given = await _fields(request)
    if not _reachable(request):
        return _sign_in_page(request, office, "/admin", 403)
    try:
        operator, token, wanted = await second_factor.finish(
            office.cell,
            _kept(request, _code_cookie(request)),
            given.get("code", ""),
            agent=request.headers.get("user-agent", ""),
            browser=request.cookies.get(_names(request)[1], ""),
        )
    except SignInOver as over:
        return _sign_in_page(request, office, "/admin", over.status, error=over.message)
    except Refusal as refusal:
        answer = _page(request, "code.html", refusal.status, error=refusal.message)
        if isinstance(refusal, TooManyFailures):
            answer.headers["retry-after"] = str(refusal.seconds)
        return answer
    answer = _let_in(request, office, token, operator.email, wanted)
    secure = request.scope["state"]["secure"]
    answer.delete_cookie(_code_cookie(request), path="/", secure=secure)
    return answer


def _callback(request: Request) -> str:
    return f"{request.scope['state']['origin']}/admin/-/openid/callback"


def _pending_cookie(request: Request) -> str:
    return "__Host-oms-openid" if request.scope["state"]["secure"] else "oms-openid"


async def get_openid(request: Request, office: Office) -> Response:
    """Send the browser to the provider, with what it has to bring back in a sealed cookie."""
    wanted = own_path(request.query_params.get("next", ""))
    if office.cell.settings.openid_issuer is None or not _reachable(request):
        return _sign_in_page(request, office, wanted, 404)
    try:
        address, sealed = await asyncio.to_thread(
            openid.begin, office.cell, _callback(request), wanted
        )
    except Refusal as refusal:
        return _sign_in_page(request, office, wanted, refusal.status, error=refusal.message)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        _pending_cookie(request),
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=openid.LIFE // 1_000_000,
        path="/",
        httponly=True,
        samesite="lax",  # the provider's page leads back here
        secure=request.scope["state"]["secure"],
    )
    return answer


async def get_openid_callback(request: Request, office: Office) -> Response:
    """Let in whom the provider names, if somebody invited that e-mail."""
    if office.cell.settings.openid_issuer is None or not _reachable(request):
        return _sign_in_page(request, office, "/admin", 404)
    try:
        operator, token, wanted = await openid.finish(
            office.cell,
            _callback(request),
            dict(request.query_params),
            _kept(request, _pending_cookie(request)),
            agent=request.headers.get("user-agent", ""),
            browser=request.cookies.get(_names(request)[1], ""),
        )
    except Refusal as refusal:
        return _sign_in_page(request, office, "/admin", 403, error=refusal.message)
    answer = _let_in(request, office, token, operator.email, wanted)
    secure = request.scope["state"]["secure"]
    answer.delete_cookie(_pending_cookie(request), path="/", secure=secure)
    return answer


async def get_link(request: Request, office: Office) -> Response:
    """The form of a link; the secret is in the fragment, which only the browser knows."""
    first = request.url.path.endswith("/first")
    return _page(request, "link.html", first=first, token="", email="", name="")


async def post_link(request: Request, office: Office) -> Response:
    """Use the first link, an invitation or a reset: it sets the password and signs in."""
    given = await _fields(request)
    first = request.url.path.endswith("/first")
    token, email, name = (given.get(n, "") for n in ("token", "email", "name"))
    token = token.rpartition("#")[2].strip()
    fields = {"first": first, "token": token, "email": email, "name": name}
    if not _reachable(request):
        return _sign_in_page(request, office, "/admin", 403)

    try:
        operator, session = await invitations.use_link(
            office.cell,
            token,
            email=email,
            name=name,
            password=given.get("password", ""),
            agent=request.headers.get("user-agent", ""),
        )
    except Refusal as refusal:
        return _page(request, "link.html", refusal.status, **fields, error=refusal.message)
    if session is None:
        return _to_code(request, office, operator, "/admin")
    return _let_in(request, office, session, operator.email, "/admin")


async def post_sign_out(request: Request, office: Office) -> Response:
    """End this session, or all of the person's."""
    found = await visit_of(request, office)
    if found is not None:
        session, operator = found.session, found.operator
        everywhere = (await _fields(request)).get("everywhere") == "yes"

        def end() -> None:
            with office.cell.database.writing() as connection:
                if everywhere:
                    sessions.end_all(connection, operator.id)
                else:
                    sessions.end(connection, session.token_hash)

        await asyncio.to_thread(end)
    answer = RedirectResponse("/admin/-/sign-in", 303)
    answer.delete_cookie(_names(request)[0], path="/", secure=request.scope["state"]["secure"])
    return answer


ROUTES = [
    ("/admin/-/sign-in", get_sign_in, ["GET"]),
    ("/admin/-/sign-in", post_sign_in, ["POST"]),
    ("/admin/-/code", get_code, ["GET"]),
    ("/admin/-/code", post_code, ["POST"]),
    ("/admin/-/openid", get_openid, ["GET"]),
    ("/admin/-/openid/callback", get_openid_callback, ["GET"]),
    ("/admin/-/first", get_link, ["GET"]),
    ("/admin/-/first", post_link, ["POST"]),
    ("/admin/-/link", get_link, ["GET"]),
    ("/admin/-/link", post_link, ["POST"]),
    ("/admin/-/sign-out", post_sign_out, ["POST"]),
]
