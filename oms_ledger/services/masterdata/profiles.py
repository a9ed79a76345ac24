"""Saves the client of a placed order in `CL`, and the addresses in `AD`."""

import asyncio
import uuid
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.builtin import NUMBERS
from oms_ledger.masterdata.condition import Compare, Condition, Literal, Or
from oms_ledger.masterdata.document import Document
from oms_ledger.masterdata.names import ADDRESSES, CLIENTS
from oms_ledger.masterdata.profiles import addresses_of, client_of, same_content
from oms_ledger.masterdata.values import fold, fold_number
from oms_ledger.orders.order import Order
from oms_ledger.services.customers.identity import profile_id
from oms_ledger.services.masterdata.documents import Find, Save, delete, get, save
from oms_ledger.whole_numbers import is_whole
from projections.masterdata.documents import document_of
from projections.masterdata.runs import Run
from projections.masterdata.tables import document_terms as terms
from projections.masterdata.tables import documents as t
from projections.masterdata.where import Where

AUTHOR = "checkout"

Json = dict[str, Any]


async def save_profiles(cell: Cell, run: Run) -> str:
    """Save what an order says of its client; a note of what was done.

    Done again it changes nothing.
    """
    account = await cell.ledger.account(run.account)
    if not account.setting("profiles_from_orders"):
        return "the account keeps no profiles of its orders"
    state = (await asyncio.to_thread(cell.loader().load, run.stream)).state
    assert isinstance(state, Order)
    client = client_of(state)
    if client is None:
        return "the order names no e-mail"
    ctx = CommandContext(run.account, AUTHOR, f"{run.stream}@{run.version}")
    user = str(client.get("userId") or profile_id(cell.encryption, run.account, client["email"]))
    requested = Save(CLIENTS, {**client, "userId": user}, Find.UNIQUE, partial=True, fresh_id=user)
    saved = await save(cell, ctx, requested)
    document = await get(cell, run.account, CLIENTS, saved.document_id)
    user = str((document.fields.get("userId") if document else None) or user)
    count = 0
    for address in addresses_of(state):
        await _save_address(cell, ctx, user, address)
        count += 1
    return f"{saved.outcome.value} CL-{saved.document_id}, {count} addresses"


async def _save_address(cell: Cell, ctx: CommandContext, user: str, address: Json) -> None:
    known = await asyncio.to_thread(_addresses, cell, ctx.account, user)
    name = address.get("addressName")
    same = next(
        (
            one
            for one in known
            if (name and one.fields.get("addressName") == name) or same_content(one.fields, address)
        ),
        None,
    )
    place = f"address:{ctx.account}:{user}:{name or sorted(address.items())}"
    document_id = same.id if same else str(uuid.UUID(cell.encryption.sign(place)))
    body = {**address, "userId": user}
    await save(cell, ctx, Save(ADDRESSES, body, Find.PATH, document_id, partial=True))


def _addresses(cell: Cell, account: str, user: str) -> list[Document]:
    condition = Where(account, ADDRESSES).of(Compare("userId", "=", Literal(user)))
    chosen = select(t).where(t.c.account == account, t.c.entity == ADDRESSES, condition)
    with cell.database.reading() as connection:
        return [document_of(row) for row in connection.execute(chosen.limit(200))]


async def delete_profiles(cell: Cell, ctx: CommandContext, names: set[tuple[str, str]]) -> None:
    """Delete the profiles and addresses of a person, by `email` or `document`, with all versions.

    The documents' view has to be as new as the ledger.
    """
    conditions = [
        Compare(field, "=", Literal(value))
        for kind, value in sorted(names)
        for field in (("email",) if kind == "email" else ("document", "corporateDocument"))
    ]
    if not conditions:
        return
    for document in await asyncio.to_thread(_of_person, cell, ctx.account, Or(tuple(conditions))):
        for user in {document.id, str(document.fields.get("userId") or document.id)}:
            for address in await asyncio.to_thread(_addresses, cell, ctx.account, user):
                await delete(cell, ctx, ADDRESSES, address.id)
        await delete(cell, ctx, CLIENTS, document.id)


def documents_of_person(
    cell: Cell, account: str, names: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Entity and id of the documents of other entities that hold one of the names as a whole value.

    E-mails compare without case, document numbers without punctuation too. The documents' view has
    to be as new as the ledger.
    """
    plain: ColumnElement[str] = terms.c.term
    for char in ".-/ ":
        plain = func.replace(plain, char, "")
    held: list[ColumnElement[bool]] = [terms.c.term.in_(sorted(fold(value) for _, value in names))]
    numbers = {fold_number(value) for kind, value in names if kind == "document"}
    held += [and_(func.length(terms.c.term) <= 64, plain == one) for one in sorted(numbers)]
    held += [terms.c.number == float(one) for one in sorted(numbers) if _is_number(one)]
    place = [terms.c[name] == t.c[name] for name in ("account", "entity", "id_key")]
    query = (
        select(t.c.entity, t.c.id)
        .join(terms, and_(*place))
        .where(terms.c.account == account, terms.c.entity.not_in((CLIENTS, ADDRESSES)), or_(*held))
        .distinct()
        .order_by(t.c.entity, t.c.id)
    )
    with cell.database.reading() as connection:
        return [(entity, document_id) for entity, document_id in connection.execute(query)]


def _is_number(text: str) -> bool:
    """Whether a document number is long enough to be nothing else when it stands as a number."""
    return is_whole(text, 15) and len(text) >= 8


async def delete_documents(cell: Cell, ctx: CommandContext, names: set[tuple[str, str]]) -> int:
    """Delete what `documents_of_person` finds, with all versions; how many there were."""
    found = await asyncio.to_thread(documents_of_person, cell, ctx.account, names)
    for entity, document_id in found:
        await delete(cell, ctx, entity, document_id)
    return len(found)


def _of_person(cell: Cell, account: str, condition: Condition) -> list[Document]:
    scope = Where(account, CLIENTS, NUMBERS[CLIENTS])
    chosen = select(t).where(t.c.account == account, t.c.entity == CLIENTS, scope.of(condition))
    with cell.database.reading() as connection:
        return [document_of(row) for row in connection.execute(chosen)]
