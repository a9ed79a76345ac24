"""An account's own templates of mails."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.notifications.templates import LARGEST, TemplateError, parsed
from projections.conversation import templates
from projections.conversation.templates import MailTemplate

router = APIRouter(prefix="/api/ledger/mail-templates", tags=["Ledger"])

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)

MayConfigure = Annotated[Caller, Depends(requires("mail_templates"))]


class NewTemplate(Body):
    """Subject and HTML of a mail."""

    subject: Annotated[str, Field(max_length=2000)]
    html: Annotated[str, Field(max_length=LARGEST)]


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise bad_request("The template's name: expected 1 to 100 letters, digits, -, . or _")
    return name


@router.put("/{name}")
async def put_template(
    name: PathId, request: Request, cell: TheCell, caller: MayConfigure
) -> Response:
    """Save a template; 400 where it cannot be read."""
    name, body = _name(name), parse(NewTemplate, await json_body(request))
    try:
        parsed(body.subject)
        parsed(body.html)
    except TemplateError as error:
        raise bad_request(f"The template: {error}") from None
    if len(body.html.encode()) > LARGEST:
        raise bad_request(f"html: expected at most {LARGEST} bytes")

    def write(connection: Connection) -> None:
        template = MailTemplate(body.subject, body.html)
        templates.put(
            connection, caller.account, name, template, caller.app_key, cell.clock.micros()
        )

    await cell.write(write)
    return Response(status_code=204)


@router.get("/{name}")
async def get_template(name: PathId, cell: TheCell, caller: MayConfigure) -> Response:
    """Answer a template of the account's own; 404 where the built-in one is used."""
    found = await cell.read(templates.get, caller.account, _name(name))
    if found is None:
        raise ApiError(404, "OMS404", f"Template {_name(name)} not found")
    return json_response({"subject": found.subject, "html": found.html})


@router.delete("/{name}")
async def delete_template(name: PathId, cell: TheCell, caller: MayConfigure) -> Response:
    """Go back to the built-in template."""
    await cell.write(templates.remove, caller.account, _name(name))
    return Response(status_code=204)
