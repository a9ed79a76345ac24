"""What endpoints ask for: the cell, and a caller whose permission was checked before any read."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from oms_ledger.accounts.parties import AFFILIATE, Party, read_party
from oms_ledger.accounts.roles import DEPLOYMENT, KEYS, OPERATIONS, ROLES
from oms_ledger.api.auth.key_cache import ApiKeyCache
from oms_ledger.api.auth.own_page import require_own_page
from oms_ledger.api.auth.rate_limit import Limits
from oms_ledger.api.http.addressing import REQUESTED_ACCOUNT, path_id
from oms_ledger.api.http.errors import ApiError, forbidden, unauthorized
from oms_ledger.api.http.idempotency import STATE as IDEMPOTENCY
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.idempotency import IdempotencyScope
from oms_ledger.ledger import Ledger
from oms_ledger.orders.marketplace.levels import delegated, marketplace_order_id_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.refusals import OrderNotFound
from oms_ledger.services.accounts import user_tokens
from oms_ledger.services.accounts.user_tokens import UserToken
from oms_ledger.services.customers.identity import mailbox_hash
from oms_ledger.services.operators.signed_in import STATE, SignedIn
from projections.orders import query
from projections.subscriptions import registry

READING = "get_order"
SHOPPER = "shopper"  # the actor in events that a shopper caused; the ledger names no person


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, always of the own account: an app key, a shopper by e-mail, a signed-in person.

    `app_key` is the actor that events name: a person is `person:<id>`. A shopper has no resource.
    `generation` says which secret of the key came.
    """

    account: str
    app_key: str
    resources: frozenset[str]
    shopper: str | None = None
    generation: str | None = None
    person: SignedIn | None = None
    acting: str | None = None
    party: Party | None = None
    """Whose orders alone the key opens; None for one of the store's own."""
    cause: str | None = None
    idempotency: IdempotencyScope | None = None
    deadline: float | None = None

    @property
    def actor(self) -> str:
        """Who did it, also where another key is meant than the caller's own."""
        return self.acting or self.app_key

    @property
    def context(self) -> CommandContext:
        """On whose behalf a command of this request runs."""
        return CommandContext(self.account, self.actor, self.cause, self.idempotency, self.deadline)


def cell_of(request: Request) -> Cell:
    """The cell that this application serves."""
    cell: Cell = request.app.state.cell
    return cell


async def get_cell(request: Request) -> Cell:
    """As a dependency: FastAPI would call what is no coroutine in a thread."""
    return cell_of(request)


async def _get_ledger(cell: Annotated[Cell, Depends(get_cell)]) -> Ledger:
    """The ledger of the cell."""
    return cell.ledger


TheCell = Annotated[Cell, Depends(get_cell)]
TheLedger = Annotated[Ledger, Depends(_get_ledger)]


async def known_caller(request: Request) -> Caller:
    """The caller, by app key and token or by a user token.

    401 for a bad one; 404 and 403 when the request is to another account than its own.
    """
    state = request.scope["state"]
    signed_in = state.get(STATE)
    if isinstance(signed_in, SignedIn):
        return _person(signed_in)
    caller = await _by_key(request) or await _by_user_token(request)
    if caller is None:
        raise unauthorized(request.scope["path"])
    requested = state.get(REQUESTED_ACCOUNT)
    if requested and requested != caller.account:
        await request.app.state.cell.ledger.account(requested)  # unknown: 404
        raise forbidden(frozenset({f"a role in the account {requested}"}))
    if caller.party is not None:
        await _require_party(request, caller, caller.party)
    return caller


async def _require_party(request: Request, caller: Caller, party: Party) -> None:
    """Keep a key that is bound to a partner to that partner's operations and orders."""
    template = getattr(request.scope.get("route"), "path", "")
    if not party.opens(request.method, template):
        raise other_party(party, "the operation")
    named = request.query_params.get("affiliateId")
    if named is not None and party.kind == AFFILIATE and named != party.id:
        raise other_party(party, f"affiliateId {named[:40]!r}")
    if (order_id := request.path_params.get("order_id")) is not None:
        cell: Cell = request.app.state.cell
        order = await order_of_party(cell, caller.account, path_id(order_id))
        if not is_of_party(order, party):
            raise OrderNotFound()


def other_party(party: Party, what: str) -> ApiError:
    """403 for a key that is bound to another party."""
    return ApiError(403, "CHK003", f"Access denied. The key is bound to {party}: not {what}")


async def order_of_party(cell: Cell, account: str, order_id: str) -> Order:
    """An order as either side of it may name it."""
    try:
        return await cell.ledger.order(account, order_id)
    except OrderNotFound:
        pass
    try:
        return await cell.ledger.order(account, marketplace_order_id_of(order_id))
    except OrderNotFound:
        known = await cell.read(query.sold_as, account, order_id)
        if known is None:
            raise
        return await cell.ledger.order(account, known)


def is_of_party(order: Order, party: Party) -> bool:
    """Whether an order was sold by an affiliate, or is to be delivered by a seller now.

    What an account of this deployment sold is no outsider's, whatever prefix it chose.
    """
    if party.kind == AFFILIATE:
        sold_outside = order.flow in ("seller", "chain") and order.placed.sold_by is None
        return sold_outside and order.placed.affiliate_id == party.id
    return delegated(order) and order.seller == party.id


def in_request(request: Request, caller: Caller) -> Caller:
    """The caller with the id and the deadline of the request, and its key, if it came with one."""
    state, settings = request.scope["state"], cell_of(request).settings
    return replace(
        caller,
        cause=state["request_id"],
        idempotency=state.get(IDEMPOTENCY),
        deadline=state["arrived"] + settings.request_deadline,
    )


def _person(signed_in: SignedIn) -> Caller:
    """The caller that an operator is; the back office has looked at the session already."""
    resources = ROLES.get(signed_in.role, frozenset())
    if signed_in.deployment:
        resources |= {DEPLOYMENT}
    return Caller(signed_in.account, signed_in.actor, resources, person=signed_in)


async def _by_key(request: Request) -> Caller | None:
    """The caller that key and token name; None when the request carries none."""
    app_key = request.headers.get("x-vtex-api-appkey", "")
    token = request.headers.get("x-vtex-api-apptoken", "")
    if not app_key and not token:
        return None
    api_keys: ApiKeyCache = request.app.state.api_keys
    key = await api_keys.key(app_key) if app_key and token else None
    generation = key.generation_of(token, request.app.state.cell.clock.micros()) if key else None
    if key is None or generation is None:
        account = key.account if key else None
        raise await request.app.state.failed_credentials.record(request, app_key, account)
    resources = key.granted
    party = read_party(key.party) if key.party else None
    return Caller(key.account, app_key, resources, generation=generation, party=party)


async def _by_user_token(request: Request) -> Caller | None:
    encryption = request.app.state.cell.encryption
    for text in user_tokens.carried(request.headers, request.cookies):
        token = user_tokens.read(encryption, text, request.app.state.cell.clock.seconds())
        if token is not None and (caller := await _behind(request, token)):
            if user_tokens.carried_by_cookie(request.headers, request.cookies):
                require_own_page(request)
            return caller
    return None


async def _behind(request: Request, token: UserToken) -> Caller | None:
    """The caller that a token stands for, unless what it was made from has ended."""
    api_keys: ApiKeyCache = request.app.state.api_keys
    encryption = request.app.state.cell.encryption
    if user_tokens.is_before(encryption, token, await api_keys.bounds(token.account)):
        return None
    key = await api_keys.key(token.app_key) if token.app_key else None
    if token.app_key and (
        key is None
        or not key.has_generation(token.generation, request.app.state.cell.clock.micros())
    ):
        return None
    if token.shopper is not None:
        if (scope := request.scope["state"].get(IDEMPOTENCY)) is not None:
            scope.who = mailbox_hash(encryption, token.account, token.shopper)
        return Caller(token.account, SHOPPER, frozenset(), token.shopper)
    if key is None:
        return None
    resources = key.granted
    party = read_party(key.party) if key.party else None
    return Caller(key.account, key.app_key, resources, generation=token.generation, party=party)


KnownCaller = Annotated[Caller, Depends(known_caller)]


class RequirePermission:
    """A dependency that lets in who may do an operation; the operation says what that takes."""

    def __init__(self, operation: str, *, shoppers: bool = False) -> None:
        self.operation = operation
        self.needed = registry.operations()[operation]
        self.shoppers = shoppers

    async def __call__(self, request: Request, caller: KnownCaller) -> Caller:
        """The caller, once it has the permission and its turn; 403 without it."""
        opened = bool(caller.resources & self.needed) or (self.shoppers and caller.shopper)
        # A partner reads the orders of its party by whatever role its key has.
        if not opened and not (caller.party is not None and self.operation == READING):
            raise forbidden(self.needed)
        caller = await admitted(request, caller, self.operation)
        if (named := request.path_params.get("app_key")) is not None:
            return await _for_key(request, caller, path_id(named))
        return caller


async def admitted(request: Request, caller: Caller, operation: str) -> Caller:
    """The caller, when it is their account's turn; 503 or 429 when it does not come."""
    limits: Limits = request.app.state.limits
    public, counted = not caller.resources, caller.person is None  # minutes are for integrations
    await limits.admit(request, caller.account, operation, public=public, counted=counted)
    return in_request(request, caller)


async def _for_key(request: Request, caller: Caller, app_key: str) -> Caller:
    """The caller as the key that the path names: an own one, or any with `Manage keys`."""
    if app_key == caller.app_key:
        return caller
    key = await request.app.state.api_keys.key(app_key)
    if key is None or key.account != caller.account:
        raise ApiError(404, "OMS404", f"The account has no key {app_key}")
    if KEYS not in caller.resources:
        raise forbidden(frozenset({KEYS}))
    return replace(caller, app_key=app_key, acting=caller.actor)


def requires(operation: str) -> RequirePermission:
    """The caller, once one of the operation's resources is theirs; 403 names them otherwise."""
    return RequirePermission(operation)


def shopper_or(operation: str) -> RequirePermission:
    """As `requires`, and a shopper's token opens it too: the endpoint keeps to what is theirs."""
    return RequirePermission(operation, shoppers=True)


class PublicRoute:
    """Marks a route that anybody may call: a route has to say so."""

    def __init__(self, operation: str) -> None:
        assert not OPERATIONS[operation], f"{operation} needs a resource"
        self.operation = operation

    async def __call__(self) -> None:
        """Let everybody in."""
        return None


def public_route(operation: str) -> PublicRoute:
    """Mark a route that anybody may call, under the name of its operation."""
    return PublicRoute(operation)


def operation_of(dependant: Dependant) -> str:
    """The operation that the permission of a route names, wherever it is among its dependencies."""
    waiting = [dependant]
    while waiting:
        one = waiting.pop()
        if operation := getattr(one.call, "operation", None):
            return str(operation)
        waiting += one.dependencies
    return ""
