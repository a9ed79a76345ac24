"""Operators of an account: people who sign in to the back office (ours)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger.accounts.refusals import OperatorNotFound
from oms_ledger.accounts.roles import ROLES
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import forbidden
from oms_ledger.api.orders.documents import json_response
from oms_ledger.notifications.webhook import instant_text
from oms_ledger.services.operators import invitations, second_factor
from projections.operators import directory, sessions
from projections.operators.directory import Operator

router = APIRouter(prefix="/api/ledger/operators", tags=["Account"])

MayManage = Annotated[Caller, Depends(requires("manage_users"))]


class Invitation(Body):
    """Whom to invite, and with which role."""

    email: Annotated[str, Field(max_length=254)]
    role: str
    name: Annotated[str, Field(max_length=120)] = ""


class NewRole(Body):
    """The role that the person gets."""

    role: str


class OperatorModel(ResponseModel):
    """A person who signs in to the back office, with the role in this account."""

    id: str = Field(examples=["pk3jq7x2m4a"])
    email: str
    name: str
    role: str = Field(examples=["OMS - Full access"])
    created_at: str
    seen_at: str | None = Field(description="When the person was last seen")
    disabled: bool
    second_factor: bool = Field(description="Whether signing in takes a code after the password")
    invited: bool = Field(description="Whether no password was set yet")


class Operators(ResponseModel):
    """Who has a role in the account."""

    operators: list[OperatorModel]


class Invited(ResponseModel):
    """The person, and the token of the link for who has no password yet."""

    id: str
    token: str | None = Field(
        description="Of the link `/admin/-/link#…` to pass on, shown this once; null where the"
        " person signs in already"
    )


def _serialize(one: Operator, account: str, seen: int | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "name": one.name,
        "role": one.roles[account],
        "createdAt": instant_text(one.created_at),
        "seenAt": instant_text(seen) if seen else None,
        "disabled": one.disabled_at is not None,
        "secondFactor": one.second_factor is not None,
        "invited": one.password_hash is None,
    }


@router.get("", response_model=Operators)
async def get_operators(cell: TheCell, caller: MayManage) -> Response:
    """Who has a role in the account."""

    def look(connection: Connection) -> list[dict[str, Any]]:
        return [
            _serialize(one, caller.account, sessions.last_seen(connection, one.id))
            for one in directory.of_account(connection, caller.account)
        ]

    return json_response({"operators": await cell.read(look)})


def _require_role(caller: Caller, role: str) -> None:
    """Nobody gives a role that may do more than they may themselves."""
    if wait_past := ROLES[invitations.require_role(role)] - caller.resources:
        raise forbidden(frozenset(wait_past))


@router.post("", status_code=201, response_model=Invited)
async def post_operator(request: Request, cell: TheCell, caller: MayManage) -> Response:
    """Give a person a role in the account; the answer has the secret of the link to pass on."""
    requested = parse(Invitation, await json_body(request))
    _require_role(caller, requested.role)
    operator, token = await invitations.invite(
        cell,
        caller.context,
        email=requested.email,
        name=requested.name,
        role=requested.role,
    )
    return json_response({"id": operator, "token": token}, 201, {"Cache-Control": "no-store"})


@router.patch("/{operator_id}", status_code=204)
async def patch_operator(
    operator_id: PathId, request: Request, cell: TheCell, caller: MayManage
) -> Response:
    """Another role in the account; the person's sessions end."""
    requested = parse(NewRole, await json_body(request))
    _require_role(caller, requested.role)
    await invitations.change_role(cell, caller.context, operator_id, requested.role)
    return Response(status_code=204)


@router.delete("/{operator_id}", status_code=204)
async def delete_operator(operator_id: PathId, cell: TheCell, caller: MayManage) -> Response:
    """Take the account away from a person; the sessions end."""
    await invitations.change_role(cell, caller.context, operator_id, None)
    return Response(status_code=204)


@router.post("/{operator_id}/sessions/end", status_code=204)
async def post_end_sessions(operator_id: PathId, cell: TheCell, caller: MayManage) -> Response:
    """Sign a person out everywhere."""

    def end(connection: Connection) -> None:
        operator = directory.get(connection, operator_id)
        if operator is None or caller.account not in operator.roles:
            raise OperatorNotFound(operator_id)
        sessions.end_all(connection, operator_id)

    await cell.write(end)
    return Response(status_code=204)


@router.post("/{operator_id}/second-factor/reset", status_code=204)
async def post_reset_second_factor(
    operator_id: PathId, cell: TheCell, caller: MayManage
) -> Response:
    """Turn off the second factor of a person who has lost the device; the sessions end.

    Only of people who have no role in another account and not the whole deployment.
    """
    await second_factor.reset_member(cell, caller.context, operator_id)
    return Response(status_code=204)
