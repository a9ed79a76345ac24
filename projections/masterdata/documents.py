"""The view of documents: each as it stands, with the terms that it is found by."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.folding import Page, StreamLoader
from oms_ledger.eventstore.records import RecordedEvent, instant, micros
from oms_ledger.masterdata.document import Author, Document
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.streams import DOCUMENT, ENTITY, category_of, entity_of, entity_stream
from oms_ledger.masterdata.values import Leaf, Paths, fold
from projections.jobs import jobs
from projections.masterdata.tables import document_entities as entities
from projections.masterdata.tables import document_schemas as schemas
from projections.masterdata.tables import document_terms as terms
from projections.masterdata.tables import documents as t
from projections.masterdata.where import TERM_LENGTH
from projections.sql.keys import among

SUBSCRIPTION = "documents"
AT_ONCE = 1000
"""Documents up to which those of an entity are evaluated again when its schemas change; of more a
job evaluates them.
"""

REVALIDATION = "revalidation"
"""The kind of those jobs."""

Place = tuple[str, str]
"""Account and entity."""

Fields = dict[str, Any]


@dataclass(slots=True)
class Produced:
    """What a page came to: documents as they stand, and entities that were configured again, with
    the last event that did.
    """

    documents: dict[tuple[str, str, str], tuple[Document, int]] = field(default_factory=dict)
    entities: dict[Place, Entity] = field(default_factory=dict)
    configured: dict[Place, RecordedEvent] = field(default_factory=dict)


class Documents:
    """Projection `documents`."""

    view_version = 0

    def produce(self, page: Page) -> Produced:
        """The last state of each document and entity that the page says something of."""
        produced = Produced()
        ours = {row.stream for row in page.rows if category_of(row.stream) in (DOCUMENT, ENTITY)}
        if not ours:
            return produced
        for row, _, _, after in page.transitions_of(ours):
            place = (row.account, entity_of(row.stream))
            if isinstance(after.state, Document):
                key = (*place, fold(after.state.id))
                produced.documents[key] = (after.state, row.version)
            elif isinstance(after.state, Entity):
                produced.configured[place] = row
        for place in produced.configured.keys() | {key[:2] for key in produced.documents}:
            produced.entities[place] = _latest(page.loader, *place)
        return produced

    def store(self, connection: Connection, produced: object) -> None:
        """Set the documents and their terms; where an entity changed, have it evaluated again."""
        assert isinstance(produced, Produced)
        for account, name in sorted(produced.entities):
            _know(connection, account, name)
        # First of all, as who carries one of these jobs on locks it before documents, too.
        for place, row in sorted(produced.configured.items()):
            for job in _revalidations(connection, *place):
                jobs.finish(connection, job.id, row.at, jobs.CANCELLED)
        if produced.documents:
            _store(connection, produced)
        for place, row in sorted(produced.configured.items()):
            _revalidate(connection, produced.entities[place], row)


def _latest(loader: StreamLoader, account: str, name: str) -> Entity:
    state = loader.load(entity_stream(account, name)).state
    return state if isinstance(state, Entity) else first(name)


def _know(connection: Connection, account: str, name: str) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    known = dialect.insert(entities).on_conflict_do_nothing()
    connection.execute(known, {"account": account, "entity": name})


def _store(connection: Connection, produced: Produced) -> None:
    documents = produced.documents
    known = _versions(connection, list(documents))
    fresh = [
        (key, document, version)
        for key, (document, version) in documents.items()
        if known.get(key, 0) <= version  # a rebuild sets nothing back
    ]
    _remove(connection, [key for key, _, _ in fresh])
    rows, found, complying = list[Fields](), list[Fields](), list[Fields]()
    for key, document, version in fresh:
        new = rows_of_document(produced.entities[key[:2]], *key[:2], document, version)
        rows += new[t]
        found += new[terms]
        complying += new[schemas]
    for table, added in ((t, rows), (terms, found), (schemas, complying)):
        if added:
            connection.execute(table.insert(), added)


def rows_of_document(
    entity: Entity, account: str, name: str, document: Document | None, version: int
) -> dict[Table, list[Fields]]:
    """The rows that a document has in each table of the view; none where there is none."""
    if document is None or not document.exists:
        return {t: [], terms: [], schemas: []}
    place = {"account": account, "entity": name, "id_key": fold(document.id)}
    return {
        t: [_row(place, document, version)],
        terms: rows_of_terms(place, document.fields, entity.paths),
        schemas: [{**place, "schema": one} for one in entity.satisfied(document.fields)],
    }


def _versions(
    connection: Connection, keys: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], int]:
    columns = (t.c.account, t.c.entity, t.c.id_key)
    query = select(*columns, t.c.version).where(among(connection, columns, keys))
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def _remove(connection: Connection, keys: Iterable[tuple[str, str, str]]) -> None:
    gone = [{"a": account, "e": entity, "k": key} for account, entity, key in keys]
    if not gone:
        return
    for table in (t, terms, schemas):
        ours = (
            table.c.account == bindparam("a"),
            table.c.entity == bindparam("e"),
            table.c.id_key == bindparam("k"),
        )
        connection.execute(delete(table).where(*ours), gone)


def _row(place: Mapping[str, Any], document: Document, version: int) -> dict[str, Any]:
    created, updated, last = document.created, document.updated, document.last_interaction
    return {
        **place,
        "id": document.id,
        "version": version,
        "created_at": micros(created.at),
        "created_by": created.actor,
        "updated_at": updated and micros(updated.at),
        "updated_by": updated and updated.actor,
        "last_interaction_at": micros(last.at),
        "last_interaction_by": last.actor,
        "content": orjson.dumps(document.fields),
    }


def document_of(row: Row[Any]) -> Document:
    """The document of a row of `documents`."""
    updated = Author(row.updated_by, instant(row.updated_at)) if row.updated_at else None
    return Document(
        row.account,
        row.entity,
        row.id,
        Author(row.created_by, instant(row.created_at)),
        updated,
        orjson.loads(row.content),
    )


def rows_of_terms(
    place: Mapping[str, Any], fields: Mapping[str, Any], paths: Paths
) -> list[dict[str, Any]]:
    """The rows of `document_terms` of one document, each value of a path once."""
    ordinals: dict[str, int] = {}
    seen: set[tuple[str, Leaf]] = set()
    rows = []
    for path, leaf in paths.every(fields):
        if (path, leaf) in seen:
            continue
        seen.add((path, leaf))
        ordinal = ordinals[path] = ordinals.get(path, -1) + 1
        rows.append(
            {
                **place,
                "path": path.replace("\x00", "\ufffd"),
                "ordinal": ordinal,
                "kind": leaf.kind,
                "term": None if leaf.term is None else leaf.term[:TERM_LENGTH],
                "rest": (leaf.term or "")[TERM_LENGTH:] or None,
                "number": leaf.number,
                "instant": leaf.instant,
            }
        )
    return rows


# Evaluating documents again when the schemas of their entity change


def _revalidate(connection: Connection, entity: Entity, row: RecordedEvent) -> None:
    """Evaluate the documents again, at once where they are few; else a job does."""
    ours = (t.c.account == row.account, t.c.entity == entity.name)
    total = connection.execute(select(func.count()).select_from(t).where(*ours)).scalar_one()
    if total <= AT_ONCE:
        evaluate_again(connection, entity, row.account)
        return
    jobs.insert_job(
        connection,
        secrets.token_hex(16),
        row.account,
        REVALIDATION,
        {"entity": entity.name},
        actor=row.actor,
        now=row.at,
        total=total,
    )


def _revalidations(connection: Connection, account: str, entity: str) -> list[jobs.Job]:
    """Jobs that are to evaluate the documents again, or do."""
    return jobs.unfinished(connection, REVALIDATION, account=account, arguments={"entity": entity})


def under_revalidation(connection: Connection) -> set[Place]:
    """The entities whose documents are still to be evaluated again."""
    found = jobs.unfinished(connection, REVALIDATION)
    return {(job.account, job.arguments["entity"]) for job in found}


def keys_after(
    connection: Connection, account: str, entity: str, after: str, limit: int
) -> list[str]:
    """The next documents of an entity, in the order of their ids."""
    query = select(t.c.id_key).where(
        t.c.account == account, t.c.entity == entity, t.c.id_key > after
    )
    return list(connection.execute(query.order_by(t.c.id_key).limit(limit)).scalars())


def evaluate_again(
    connection: Connection, entity: Entity, account: str, after: str = "", until: str | None = None
) -> None:
    """Evaluate documents by the schemas of their entity, those beyond `after` up to `until`."""

    def within(table: Table) -> list[ColumnElement[bool]]:
        ours = [table.c.account == account, table.c.entity == entity.name, table.c.id_key > after]
        return ours if until is None else [*ours, table.c.id_key <= until]

    query = select(t.c.id_key, t.c.content).where(*within(t))
    found = connection.execute(query.order_by(t.c.id_key).with_for_update()).all()
    connection.execute(delete(schemas).where(*within(schemas)))
    complying = [
        {"account": account, "entity": entity.name, "id_key": row.id_key, "schema": name}
        for row in found
        for name in entity.satisfied(orjson.loads(row.content))
    ]
    if complying:
        connection.execute(schemas.insert(), complying)


def progress(connection: Connection, account: str, entity: str, schema: str) -> dict[str, int]:
    """How far evaluating the documents again is, and how many comply with a schema."""
    s = schemas
    ours = (t.c.account == account, t.c.entity == entity)
    total = connection.execute(select(func.count()).select_from(t).where(*ours)).scalar_one()
    complying = (s.c.account == account, s.c.entity == entity, s.c.schema == schema)
    query = select(func.count()).select_from(s).where(*complying)
    valid = connection.execute(query).scalar_one()
    done = min([total, *(job.done for job in _revalidations(connection, account, entity))])
    return {"total": total, "done": done, "valid": valid, "invalid": max(0, done - valid)}


def entities_of(connection: Connection, account: str) -> list[str]:
    """The names of the account's entities that were ever written to, sorted."""
    query = select(entities.c.entity).where(entities.c.account == account)
    return list(connection.execute(query.order_by(entities.c.entity)).scalars())
