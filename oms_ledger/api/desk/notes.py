"""Notes of VTEX DO: what somebody wrote beside an order."""

import hashlib
import secrets
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.api.orders.queries import number
from oms_ledger.cell import Cell
from oms_ledger.eventstore.idempotency import KeyClaim
from oms_ledger.eventstore.records import instant
from oms_ledger.masterdata.document import account_id
from oms_ledger.orders.documents.masking import masked, reason_of
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.orders.privacy.disclose import disclose
from oms_ledger.orders.refusals import (
    NoteNotFound,
    OrderNotFound,
    TooManyNotes,
)
from oms_ledger.refusal import IdempotencyKeyReused
from projections.desk import notes
from projections.desk.notes import Note

router = APIRouter(tags=["VTEX DO"])

NOTES = ("/api/do/notes", "/do/notes")
LONGEST = 2000  # characters of a description
PER_PAGE = 30

MayRead = Annotated[Caller, Depends(requires("read_notes"))]
MayWrite = Annotated[Caller, Depends(requires("write_notes"))]

Word = Annotated[str, Field(min_length=1, max_length=256, coerce_numbers_to_str=True)]


class Target(Body):
    """What the note is about: its type, mostly an order, and its id."""

    id: Word
    type: Word
    url: Annotated[str | None, Field(max_length=LONGEST)] = None


class Author(Body):
    """Who wrote it, as the client says."""

    id: Annotated[str | None, Field(max_length=256, coerce_numbers_to_str=True)] = None
    name: Annotated[str | None, Field(max_length=256)] = None


class NewNote(Body):
    """A note beside an order."""

    target: Target
    domain: Word
    description: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    created_by: Author | None = None


@router.post(NOTES[0])
@router.post(NOTES[1], include_in_schema=False)
async def post_note(request: Request, cell: TheCell, caller: MayWrite) -> Response:
    """Write a note. `createdBy` may name somebody; the key that wrote it is always given."""
    body = parse(NewNote, await json_body(request)).model_dump(by_alias=True)
    note, claim = _new(caller, body, cell.clock.micros())
    account = await cell.ledger.account(caller.account)
    most = int(account.setting("notes_per_order"))

    try:
        stored, new = await cell.write(notes.add, note, most)
    except notes.Full:
        raise TooManyNotes(most) from None
    if claim is not None:
        if stored.request != note.request:
            raise IdempotencyKeyReused(claim.attempt.key, "another note")
        claim.done(replayed=not new)
    return json_response(serialize_note(stored))


def _new(caller: Caller, body: dict[str, Any], now: int) -> tuple[Note, KeyClaim | None]:
    """A note with an id of its own; a request that is sent again makes one with the same id."""
    claim = caller.context.claim()
    note_id, requested = secrets.token_hex(16), None
    if claim is not None:
        name = f"{caller.account}/{claim.name}".encode()
        note_id, requested = hashlib.sha256(name).hexdigest()[:32], claim.attempt.requested()
    target = body["target"]["id"]
    note = Note(note_id.upper(), caller.account, target, body, now, caller.app_key, requested)
    return note, claim


@router.get(NOTES[0])
@router.get(NOTES[1], include_in_schema=False)
async def get_notes(
    request: Request, cell: TheCell, caller: MayRead, reason: str | None = None
) -> Response:
    """Notes about `target.id`, newest first, `perPage` 30; an account may mask them."""
    query = request.query_params
    target = query.get("target.id") or ""
    if not target:
        raise bad_request("target.id: found nothing, expected the id of an order")
    page = number(query.get("page") or "1", "page") or 1
    requested = number(query.get("perPage") or query.get("perpage") or str(PER_PAGE), "perPage")
    size = min(requested or 1, PER_PAGE)

    found, total = await cell.read(notes.page, caller.account, target, page, size)
    hidden = await _is_masked(cell, caller, request, target, reason)
    return json_response(
        {
            "piiHidden": hidden,
            "items": [serialize_note(note, hidden=hidden) for note in found],
            "paging": {"page": page, "perPage": size, "total": total, "pages": -(-total // size)},
        }
    )


@router.get(f"{NOTES[0]}/{{note_id}}")
@router.get(f"{NOTES[1]}/{{note_id}}", include_in_schema=False)
async def get_note(
    note_id: PathId, request: Request, cell: TheCell, caller: MayRead, reason: str | None = None
) -> Response:
    """Answer one note."""

    note = await cell.read(notes.get, caller.account, note_id)
    if note is None:
        raise NoteNotFound(note_id)
    hidden = await _is_masked(cell, caller, request, note.target, reason)
    return json_response(serialize_note(note, hidden=hidden))


async def _is_masked(
    cell: Cell, caller: Caller, request: Request, target: str, reason: str | None
) -> bool:
    """Whether the account masks personal data and no reason was given; one that was is recorded."""
    if not (await cell.ledger.account(caller.account)).setting("pii"):
        return False
    why = reason_of(reason)
    if why is None:
        return True
    with suppress(OrderNotFound):  # a note may be about something else than an order
        await cell.ledger.change(
            caller.context,
            target,
            partial(disclose, reason=why),
        )
    return False


def serialize_note(note: Note, *, hidden: bool = False) -> dict[str, Any]:
    """A note as the published operations answer it."""
    body, at = note.body, spell(instant(note.created_at), PII_ZONE)
    author = body.get("createdBy") or {}
    name, description = author.get("name"), body["description"]
    if hidden:
        name, description = name and masked(name), masked(description)
    return {
        "id": note.id,
        "domain": body["domain"],
        "owner": account_id(note.account).replace("-", ""),
        "target": body["target"],
        "description": description,
        "creationDate": at,
        "lastUpdate": at,
        "createdBy": {
            "id": author.get("id") or note.app_key,
            "name": name,
            "email": None,
            "key": note.app_key,
        },
    }
