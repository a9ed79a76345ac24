"""App keys of an account: listed, created, labeled, rotated, revoked (ours).

A token is shown once, in the answer that made it. Nobody makes a key that may do more than
whoever asks for it.
"""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.accounts.parties import read_party
from oms_ledger.accounts.roles import RESOURCES, ROLES, resources_of
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request, forbidden
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services.accounts.keys import create_key, label_key, revoke_key, rotate_key
from projections.accounts import app_keys
from projections.accounts.app_keys import AppKey

router = APIRouter(prefix="/api/ledger/keys", tags=["Account"])

MayManage = Annotated[Caller, Depends(requires("manage_keys"))]
Label = Annotated[str | None, Field(max_length=60)]

OVERLAP, LONGEST_OVERLAP = 86_400, 30 * 86_400


class NewKey(Body):
    """A role, single resources or both; `party` binds the key to one partner's orders."""

    role: str = ""
    resources: Annotated[tuple[str, ...], Field(max_length=60)] = ()
    label: Label = None
    party: str | None = None


class NewLabel(Body):
    """What the key is for; null takes the label away."""

    label: Label = None


class Rotation(Body):
    """For how many seconds the previous token is good beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = OVERLAP


class KeyModel(ResponseModel):
    """A key without its token."""

    app_key: str = Field(examples=["vtexappkey-acme-8F21C0"])
    label: str | None = Field(description="What the key is for", examples=["erp"])
    role: str = Field(
        description="Empty for a key of single resources", examples=["OMS - Full access"]
    )
    resources: list[str] = Field(
        description="What it may do besides its role", examples=[["Read only documents"]]
    )
    party: str | None = Field(
        description="The partner whose orders alone it opens", examples=["seller:warehouse"]
    )
    created_at: str
    revoked_at: str | None
    previous_token_valid_until: str | None = Field(description="While it is rotated")


class Keys(ResponseModel):
    """The keys of an account, revoked ones too."""

    keys: list[KeyModel]


class KeyWithToken(KeyModel):
    """A key with its token, which is shown this once."""

    app_token: str = Field(description="Shown this once")


def _serialize_key(key: AppKey) -> dict[str, Any]:
    """A key without its token."""
    return {
        "appKey": key.app_key,
        "label": key.label,
        "role": key.role,
        "resources": list(key.resources),
        "party": key.party,
        "createdAt": instant_text(key.created_at),
        "revokedAt": instant_text(key.revoked_at) if key.revoked_at else None,
        "previousTokenValidUntil": instant_text(key.previous_until) if key.previous_until else None,
    }


def _require_grantable(caller: Caller, role: str, resources: Collection[str]) -> None:
    """Refuse what does not exist, and what the caller may not do either."""
    if role not in ROLES and (role or not resources):
        raise bad_request(f"role: found {role[:60]!r}, expected one of {', '.join(sorted(ROLES))}")
    if unknown := sorted({*resources} - RESOURCES):
        raise bad_request(
            f"resources: found {unknown[0][:60]!r}, expected some of {', '.join(sorted(RESOURCES))}"
        )
    if lacking := resources_of(role, resources) - caller.resources:
        raise forbidden(lacking)


@router.get("", response_model=Keys)
async def get_keys(cell: TheCell, caller: MayManage) -> Response:
    """The account's keys, revoked ones too, without their tokens."""
    return json_response(
        {"keys": [_serialize_key(k) for k in await cell.read(app_keys.of_account, caller.account)]}
    )


@router.post("", status_code=201, response_model=KeyWithToken)
async def post_key(request: Request, cell: TheCell, caller: MayManage) -> Response:
    """A new key of a role or single resources, none of which the caller lacks."""
    requested = parse(NewKey, await json_body(request))
    _require_grantable(caller, requested.role, requested.resources)
    party = str(read_party(requested.party)) if requested.party else None
    label = (requested.label or "").strip() or None

    app_key, token = await create_key(
        cell.ledger,
        caller.context,
        requested.role,
        label,
        party,
        requested.resources,
    )
    fields = _serialize_key(await _found(cell, caller, app_key))
    return json_response({**fields, "appToken": token}, 201, {"Cache-Control": "no-store"})


@router.patch("/{key}", response_model=KeyModel)
async def patch_key(key: PathId, request: Request, cell: TheCell, caller: MayManage) -> Response:
    """Say what the key is for."""
    requested = parse(NewLabel, await json_body(request))
    found = await _found(cell, caller, key)
    label = (requested.label or "").strip() or None
    await label_key(cell.ledger, caller.context, found.app_key, label)
    return json_response(_serialize_key(await _found(cell, caller, key)))


@router.post("/{key}/rotate", response_model=KeyWithToken)
async def post_rotate(key: PathId, request: Request, cell: TheCell, caller: MayManage) -> Response:
    """Another token; the present one opens for `overlapSeconds` more (a day)."""
    raw = await request.body()
    requested = parse(Rotation, await json_body(request)) if raw else Rotation()
    found = await _found(cell, caller, key)
    _require_grantable(caller, found.role, found.resources)
    overlap = requested.overlap_seconds
    token = await rotate_key(cell.ledger, caller.context, found.app_key, overlap)
    fields = _serialize_key(await _found(cell, caller, key))
    return json_response({**fields, "appToken": token}, headers={"Cache-Control": "no-store"})


@router.post("/{key}/revoke", response_model=KeyModel)
async def post_revoke(key: PathId, cell: TheCell, caller: MayManage) -> Response:
    """Shut the key out for good: it opens nothing from the next second on."""
    found = await _found(cell, caller, key)
    await revoke_key(cell.ledger, caller.context, found.app_key)
    return json_response(_serialize_key(await _found(cell, caller, key)))


async def _found(cell: Cell, caller: Caller, app_key: str) -> AppKey:
    key = await cell.read(app_keys.get, app_key)
    if key is None or key.account != caller.account:
        raise ApiError(404, "OMS404", f"The account has no key {app_key}")
    return key
