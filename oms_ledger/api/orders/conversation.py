"""What was written about an order: lines in its log, messages to its customer (02 §§11, 12)."""

from functools import partial
from hashlib import blake2s
from html import escape
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
from oms_ledger.orders.conversation.interactions import log_interaction
from oms_ledger.orders.conversation.messages import Message, messages
from oms_ledger.orders.documents.derived_fields import follow_up_alias
from oms_ledger.orders.documents.masking import masked
from oms_ledger.orders.instants import OMS_ZONE, spell
from oms_ledger.orders.order import Order

router = APIRouter(tags=["Conversation"])

ORDER = "/api/oms/pvt/orders/{order_id}"
FIRST_WORDS = 60  # characters

MayLog = Annotated[Caller, Depends(requires("add_interaction"))]
MayRead = Annotated[Caller, Depends(requires("conversation"))]

Text = Annotated[str, Field(min_length=1, max_length=10_000)]


class Interaction(Body):
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
async def get_conversation(order_id: PathId, cell: TheCell, caller: MayRead) -> Response:
    """Every message about the order, oldest first."""
    order = await cell.ledger.order(caller.account, order_id)
    hidden = bool((await cell.ledger.account(caller.account)).setting("pii"))
    return json_response([_message(order, message, hidden) for message in messages(order)])


def _message(order: Order, message: Message, hidden: bool) -> dict[str, Any]:
    digest = blake2s(f"{order.order_id}/{message.kind}/{message.at}".encode(), digest_size=16)
    store, alias = order.account, follow_up_alias(order)
    text = message.text
    person = order.placed.client_profile
    names = [str(person.get(key) or "") for key in ("firstName", "lastName")]
    name, email = " ".join(filter(None, names)), str(person.get("email") or "")
    if hidden:
        text, name, email = masked(text), masked(name), masked(email)
    return {
        "id": f"{message.at:%Y-%m-%dt%H-%M-%S}_{digest.hexdigest()}",
        "from": _party(
            order, f"noreply@ct.{store}.com", f"noreply@{store}.com", "no reply", "null"
        ),
        "to": [_party(order, alias, email, name, "Customer")],
        "subject": message.subject,
        "firstWords": text if len(text) <= FIRST_WORDS else f"{text[:FIRST_WORDS]}...",
        "body": f"<!DOCTYPE html><html><body><p>{escape(text)}</p></body></html>",
        "hasAttachment": False,
        "attachmentNames": [],
        "date": spell(message.at, OMS_ZONE),
    }


def _party(order: Order, alias: str, email: str, name: str, role: str) -> dict[str, Any]:
    return {
        "conversationRelatedTo": order.order_id,
        "conversationSubject": "oms",
        "emailAlias": alias,
        "aliasMaskType": 0,
        "email": email,
        "name": name,
        "role": role,
    }
