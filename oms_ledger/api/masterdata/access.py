"""Who may do what in Master Data: keys by resource, others as far as a schema opens an entity."""

from dataclasses import dataclass

from fastapi import Request

from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.accounts.roles import FULL, LIST, OPERATIONS, VIEW
from oms_ledger.api.auth.dependencies import (
    Caller,
    admitted,
    cell_of,
    in_request,
    known_caller,
)
from oms_ledger.api.auth.rate_limit import Limits
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT
from oms_ledger.api.http.errors import ApiError, forbidden, unauthorized
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.entity import Entity
from oms_ledger.masterdata.names import ORDERS, require_entity
from oms_ledger.masterdata.security import Security
from oms_ledger.orders.documents.masking import reason_of
from oms_ledger.services.operators.signed_in import STATE

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Access:
    """A caller of Master Data; `caller` is None for one without credentials."""

    caller: Caller | None
    context: CommandContext
    closed: ApiError
    """What an anonymous caller gets where nothing is open."""
    reason: str | None = None
    """Why a caller with credentials is to see personal data that the account masks."""

    @property
    def account(self) -> str:
        """The account whose documents are meant."""
        return self.context.account

    @property
    def is_known(self) -> bool:
        """Whether the caller has a key with the permission, and no schema need open anything."""
        return self.caller is not None

    def security(self, entity: Entity, schema: str | None) -> Security:
        """What is open to an anonymous caller; 401 where nothing is."""
        found = entity.security(schema) if not schema or schema in entity.schemas else None
        if found is None:
            raise self.closed
        return found


class MasterDataPermission:
    """Lets in keys with one of the operation's resources, and where it says so anonymous callers.

    A shopper's token opens no more than no credentials do.
    """

    def __init__(self, operation: str, *, anonymous: bool = False) -> None:
        self.operation = operation
        self.needed = OPERATIONS[operation]
        self.anonymous = anonymous

    async def __call__(self, request: Request) -> Access:
        """Who asks, once it has its turn; anybody where a schema may open the entity."""
        account = await _anonymous_account(request) if self.anonymous else None
        if account is not None:
            closed = unauthorized(request.scope["path"])
            limits: Limits = request.app.state.limits
            await limits.admit(request, account, self.operation, public=True)
            return Access(None, _unknown(request, account), closed)
        caller = await known_caller(request)
        if caller.shopper is not None and self.anonymous:
            await admitted(request, caller, self.operation)
            return Access(None, _unknown(request, caller.account), forbidden(self.needed))
        if not caller.resources & self.needed:
            raise forbidden(self.needed)
        _require_orders_too(request, caller)
        caller = await admitted(request, caller, self.operation)
        reason = reason_of(request.query_params.get("reason"))
        return Access(caller, caller.context, forbidden(self.needed), reason)


def _unknown(request: Request, account: str) -> CommandContext:
    return in_request(request, Caller(account, ANONYMOUS, frozenset())).context


async def _anonymous_account(request: Request) -> str | None:
    """The account that a request without any credentials asks; None when it carries some."""
    headers, state = request.headers, request.scope["state"]
    names = ("x-vtex-api-appkey", "x-vtex-api-apptoken", "authorization", "vtexidclientautcookie")
    cookies = any(name.lower().startswith("vtexidclientautcookie") for name in request.cookies)
    if cookies or any(headers.get(name) for name in names) or STATE in state:
        return None
    requested = state.get(REQUESTED_ACCOUNT)
    if not requested:
        return None
    try:
        await cell_of(request).ledger.account(requested)
    except AccountNotFound:
        return None
    return str(requested)


def _require_orders_too(request: Request, caller: Caller) -> None:
    """The entity `orders` shows orders, so it takes the resource of orders besides."""
    if request.path_params.get("entity") != ORDERS or request.method not in ("GET", "POST"):
        return
    one = "document_id" in request.path_params
    needed = frozenset({VIEW, FULL} if one else {LIST, FULL})
    path = request.scope["path"]
    reads = one or path.endswith(("/search", "/scroll"))
    if reads and not caller.resources & needed:
        raise forbidden(needed)


def entity_name(entity: str) -> str:
    """The entity of a path, by a name that one may have."""
    return require_entity(entity)
