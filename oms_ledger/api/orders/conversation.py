"""What was written about an order: lines in its log, messages to its customer (02 §§11, 12)."""

import asyncio
from functools import partial
from hashlib import blake2s
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AliasChoices, Field

from oms_ledger.api.auth.dependencies import (
    Caller,
    TheCell,
    TheLedger,
    requires,
)
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.orders.documents import json_response
from oms_ledger.eventstore.records import instant
from oms_ledger.notifications.mail import plain_text
from oms_ledger.orders.conversation.interactions import log_interaction
from oms_ledger.orders.documents.masking import masked
from oms_ledger.orders.instants import OMS_ZONE, spell
from oms_ledger.orders.order import Order
from oms_ledger.services.conversation.order_mails import conversation_of, html_of
from projections.conversation.messages import RecordedMessage

router = APIRouter(tags=["Conversation"])

ORDER = "/api/oms/pvt/orders/{order_id}"
FIRST_WORDS = 60  # characters

MayLog = Annotated[Caller, Depends(requires("add_interaction"))]
MayRead = Annotated[Caller, Depends(requires("conversation"))]

Text = Annotated[str, Field(min_length=1, max_length=10_000)]


class Interaction(Body):
    """A line for the order's log, and who wrote it."""

    source: Annotated[Text, Field(validation_alias=AliasChoices("source", "Source"))]
    message: Annotated[Text, Field(validation_alias=AliasChoices("message", "Message"))]


@router.post(f"{ORDER}/interactions", status_code=200)
async def post_interaction(
    order_id: PathId, request: Request, ledger: TheLedger, caller: MayLog
) -> Response:
    """Add a line to the order's log; it is in the order's history, not in its document."""
    fields = parse(Interaction, await json_body(request))
    decision = partial(log_interaction, source=fields.source, message=fields.message)
    await ledger.change(caller.context, order_id, decision)
    return Response(status_code=200)


@router.get(f"{ORDER}/conversation-message")
async def get_conversation(
    order_id: PathId, request: Request, cell: TheCell, caller: MayRead
) -> Response:
    """Every message about the order, oldest first."""
    await request.app.state.outbox.wait()
    order = await cell.ledger.order(caller.account, order_id)
    hidden = bool((await cell.ledger.account(caller.account)).setting("pii"))
    said = await asyncio.to_thread(conversation_of, cell, order)
    return json_response([_message(order, message, hidden) for message in said])


def _message(order: Order, message: RecordedMessage, hidden: bool) -> dict[str, Any]:
    at = instant(message.at)
    digest = blake2s(f"{order.order_id}/{message.occasion}".encode(), digest_size=16).hexdigest()
    content = message.content or {}
    html = content.get("html", "")
    text = plain_text(html).strip()
    if hidden:
        text = masked(text)
        html = html_of(text)
    return {
        "id": f"{at:%Y-%m-%dt%H-%M-%S}_{digest}",
        "from": _party(order, content.get("from", {}), hidden),
        "to": [_party(order, party, hidden) for party in content.get("to", [])],
        "subject": content.get("subject", ""),
        "firstWords": text if len(text) <= FIRST_WORDS else f"{text[:FIRST_WORDS]}...",
        "body": html,
        "hasAttachment": bool(content.get("attachments")),
        "attachmentNames": content.get("attachments", []),
        "date": spell(at, OMS_ZONE),
        "templateKey": content.get("template"),
    }


def _party(order: Order, party: dict[str, Any], hidden: bool) -> dict[str, Any]:
    role = party.get("role", "null")
    email, name = party.get("email", ""), party.get("name", "")
    if hidden and role == "Customer":
        email, name = masked(email), masked(name)
    return {
        "conversationRelatedTo": order.order_id,
        "conversationSubject": "oms",
        "emailAlias": party.get("alias", ""),
        "aliasMaskType": party.get("mask", 0),
        "email": email,
        "name": name,
        "role": role,
    }
