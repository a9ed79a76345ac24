"""Mails that come in for the aliases of orders, handed over by the store's mail server."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import ApiError, bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.services.conversation.incoming import (
    IncomingMail,
    accept,
    addresses,
    as_html,
    checked,
    parsed,
)

router = APIRouter(tags=["Conversation"])

RFC822 = "message/rfc822"

MayDeliver = Annotated[Caller, Depends(requires("mail_incoming"))]
Address = Annotated[str, Field(min_length=3, max_length=320)]


class Attachment(Body):
    """A file of a mail, by its name alone."""

    name: Annotated[str, Field(max_length=1000)]


class Mail(Body):
    """`html` wins over `text`; `messageId` makes a repetition change nothing.

    Only the first hundred addresses of `to` are looked at.
    """

    from_: Annotated[Address, Field(alias="from")]
    to: Annotated[list[Address], Field(min_length=1)]
    subject: Annotated[str, Field(max_length=2000)] | None = None
    text: str | None = None
    html: str | None = None
    message_id: Annotated[str, Field(max_length=1000)] | None = None
    attachments: list[Attachment] | None = None


@router.post("/api/ledger/mail/incoming", status_code=202)
async def post_incoming(request: Request, cell: TheCell, caller: MayDeliver) -> Response:
    """Record a mail in the orders whose live aliases it was sent to, and forward it.

    The body is the mail as it came (`message/rfc822`), or its parts as JSON.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if media_type == RFC822:
            mail = await asyncio.to_thread(parsed, await request.body())
        else:
            mail = _of_fields(parse(Mail, await json_body(request)))
    except ValueError as error:
        raise bad_request(f"The mail: {error}") from None
    account = await cell.ledger.account(caller.account)
    orders = await asyncio.to_thread(accept, cell, account, mail)
    if not orders:
        raise ApiError(404, "OMS404", "None of the recipients is the alias of an open order")
    return json_response({"orders": orders}, 202)


def _of_fields(fields: Mail) -> IncomingMail:
    name, sender = addresses([fields.from_])[0]
    return checked(
        IncomingMail(
            sender,
            name,
            tuple(address for _, address in addresses(fields.to) if address),
            fields.subject or "",
            fields.html or as_html(fields.text or ""),
            (fields.message_id or "").strip(),
            tuple(one.name for one in fields.attachments or ()),
        )
    )
