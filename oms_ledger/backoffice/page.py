"""One request of the back office: whose it is, the requests to the API, and the page it becomes."""

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from oms_ledger.accounts.roles import DEPLOYMENT, ROLES
from oms_ledger.backoffice import asking, formats
from oms_ledger.backoffice.asking import Answer, Query
from oms_ledger.backoffice.templating import environment
from oms_ledger.cell import Cell
from oms_ledger.services.operators import sign_in
from oms_ledger.services.operators.signed_in import SignedIn
from oms_ledger.time_zones import zone_or_utc
from projections.operators import sessions
from projections.operators.directory import Operator
from projections.operators.sessions import Session
from projections.subscriptions import registry

PACK_FROM = 1024  # bytes
PACK_LEVEL = 3  # half the time of 5 for a tenth more bytes


class NotAllowed(Exception):
    """The person's role has none of the resources that an operation takes."""

    def __init__(self, needed: frozenset[str]) -> None:
        super().__init__(needed)
        self.needed = needed


class Elsewhere(Exception):
    """The page is answered by leading to another one."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class RefusedAnswer(Exception):
    """The API refused what the page is made of."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass
class Office:
    """What all pages share."""

    api: ASGIApp
    cell: Cell


@dataclass
class Page:
    """A request by a signed-in person; `account` is None on pages of the deployment."""

    request: Request
    office: Office
    operator: Operator
    session: Session
    account: str | None = None
    made_of: list[Answer] = field(default_factory=list)
    position: int = 0
    behind: int = 0

    @property
    def cell(self) -> Cell:
        """The cell that serves the account."""
        return self.office.cell

    @property
    def role(self) -> str:
        """The person's role in the account of the page; "" without one."""
        return self.operator.roles.get(self.account or "", "")

    @property
    def resources(self) -> frozenset[str]:
        """What the role lets the person do, and the deployment's own for its operators."""
        found = ROLES.get(self.role, frozenset())
        return found | {DEPLOYMENT} if self.operator.deployment else found

    @property
    def accounts(self) -> tuple[str, ...]:
        """The names of the accounts in which the person has a role."""
        return tuple(self.operator.roles)

    @property
    def person(self) -> SignedIn:
        """The person as the API is given it."""
        operator = self.operator
        return SignedIn(operator.id, self.account or "-", self.role, operator.deployment)

    @property
    def base(self) -> str:
        """The path of the account's pages, without a slash at the end."""
        return f"/admin/{self.account or '-'}"

    def param(self, name: str) -> str:
        """A path parameter as it was meant."""
        return unquote(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query, without what no database stores."""
        return storable(self.request.query_params.get(name, default))

    def may(self, operation: str) -> bool:
        """Whether the person has the permission of an operation, by its name in the registry."""
        return registry.permits(self.resources, operation)

    def require(self, operation: str) -> None:
        """Raise `NotAllowed` unless the person may do it."""
        if not self.may(operation):
            raise NotAllowed(registry.needed_for(operation))

    # Asking

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),  # type: ignore[assignment]
        body: Any = None,
        once: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Ask the API as the person, whatever it answers; the footer names the request.
        `once` is the idempotency key of a write.
        """
        answer = await asking.ask(
            self.office.api,
            self.person,
            method,
            path,
            query=query,
            body=body,
            once=once,
            language=self.operator.language,
            request_id=self.request.scope["state"]["request_id"],
            more_headers=headers,
        )
        self.made_of.append(answer)
        lag = answer.headers.get("x-ledger-lag")
        self.behind = max(self.behind, int(lag or 0))
        return answer

    async def get(self, path: str, query: Query = ()) -> Any:  # type: ignore[assignment]
        """What the API says; `Failed` when it refuses."""
        answer = await self.ask("GET", path, query=query)
        if not answer.ok:
            raise RefusedAnswer(answer)
        return answer.json()

    async def get_or(self, default: Any, path: str, query: Query = ()) -> Any:  # type: ignore[assignment]
        """What the API says, or a default where the role may not ask or there is nothing."""
        answer = await self.ask("GET", path, query=query)
        return answer.json() if answer.ok else default

    def listen(self, path: str, query: Query) -> AsyncIterator[bytes]:
        """The chunks of an answer that goes on."""
        return asking.listen(self.office.api, self.person, path, query)

    # Forms

    async def form(self) -> dict[str, list[str]]:
        """The fields of an urlencoded form; each may be given several times."""
        given: dict[str, list[str]] = {}
        text = (await self.request.body()).decode("utf-8", "replace")
        for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=5000):
            given.setdefault(name, []).append(storable(value).replace("\r\n", "\n"))
        return given

    @property
    def verified(self) -> bool:
        """Whether the password was given just now."""
        return self.session.verified_at + sign_in.VERIFIED_FOR > self.cell.clock.micros()

    # Answering

    async def tell_once(self, message: str) -> None:
        """Keep a message for the next page."""

        await self.cell.write(sessions.set_message, self.session.token_hash, message)

    async def done(self, location: str, message: str) -> Response:
        """Lead to what was changed, which then says the message once."""
        await self.tell_once(message)
        return RedirectResponse(location, 303)

    async def _message(self) -> str | None:
        fields = self.session.message
        if fields and self.request.method == "GET":

            def clear() -> None:
                with self.cell.database.writing() as connection:
                    sessions.set_message(connection, self.session.token_hash, None)

            await asyncio.to_thread(clear)
            return fields
        return None

    async def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page from a template, with money and instants in the account's currency and zone."""
        zone, currency = "UTC", "BRL"
        if self.account and self.role:
            settings = await self.cell.ledger.account(self.account)
            zone, currency = settings.setting("time_zone"), settings.setting("currency")
        if "utc" in self.request.query_params:
            zone = "UTC"
        message = await self._message()
        text = environment(self.operator.language).get_template(template)
        values |= {
            "page": self,
            "account": self.account or "-",
            "base": self.base,
            "operator": self.operator,
            "language": self.operator.language,
            "currency": currency,
            "message": message,
            "position": self.position,
            "behind": self.behind,
            "may": self.may,
            "key": uuid.uuid4().hex,
            "here": template.partition(".")[0],
        }

        def rendered() -> str:
            formats.ZONE.set(zone_or_utc(zone))  # in this thread's own context
            formats.CURRENCY.set(currency)
            return text.render(values)

        html = await asyncio.to_thread(rendered)
        return html_response(self.request, html, status, timing=self.made_of)


def storable(text: str) -> str:
    """A text that was sent, as HTML would hold it: PostgreSQL keeps no NUL."""
    return text.replace("\0", "\ufffd")


def html_response(
    request: Request, html: str, status: int = 200, *, timing: list[Answer] | None = None
) -> Response:
    """A page; packed where the browser takes it, with the cost of what it is made of."""
    fields = ", ".join(f"api;dur={one.duration_ms:.1f}" for one in timing or ())
    headers = {"vary": "accept-encoding"} | ({"server-timing": fields} if fields else {})
    content = html.encode()
    if len(content) > PACK_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, PACK_LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTMLResponse(content, status, headers)


def url(base: str, *segments: str, **query: Any) -> str:
    """An address below a base; segments and values are encoded."""
    path = "/".join([base, *(quote(str(segment), safe="") for segment in segments)])
    fields = urlencode({k: v for k, v in query.items() if v not in (None, "")}, doseq=True)
    return f"{path}?{fields}" if fields else path


Handler = Callable[[Page], Awaitable[Response]]
