"""Are the views of Master Data what the ledger says? Each document's rows, made again (G8)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, exists, literal, select

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.folding import NOTHING, StreamLoader, StreamState
from oms_ledger.eventstore.tables import events
from oms_ledger.masterdata.document import Document
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.streams import DOCUMENT, ENTITY, category_of, entity_of, entity_stream
from projections.masterdata import tables
from projections.masterdata.documents import SUBSCRIPTION, rows_of_document, under_revalidation
from projections.ops.differences import Difference, comparable
from projections.sql.keys import among
from projections.subscriptions import checkpoints

LOOKS = 5  # at what differs: a busy view has moved on by then, a wrong one has not

TABLES = (tables.documents, tables.document_terms, tables.document_schemas)

States = list[tuple[StreamState, int]]
Key = tuple[str, str, str]


def verify_documents(
    database: Database, loader: StreamLoader, streams: Sequence[str]
) -> list[Difference]:
    """What differs of some streams; those that are not of Master Data are passed over."""
    ours = [one for one in streams if category_of(one) in (DOCUMENT, ENTITY)]
    found: dict[str, list[Difference]] = {}
    for _ in range(LOOKS):
        if not ours:
            break
        found = _look(database, loader, ours)
        ours = list(found)
    return [one for some in found.values() for one in some]


def verify_no_unknown_rows(connection: Connection) -> Iterator[Difference]:
    """Rows about documents that the ledger does not know."""
    for table in TABLES:
        place = (table.c.account, table.c.entity, table.c.id_key)
        stream = place[0] + literal(f"/{DOCUMENT}/") + place[1] + literal("/") + place[2]
        known = exists().where(events.c.stream == stream, events.c.version == 1)
        for account, entity, key in connection.execute(select(*place).where(~known).distinct()):
            yield Difference(0, table.name, account, f"{entity}/{key}")


def _look(
    database: Database, loader: StreamLoader, streams: Sequence[str]
) -> dict[str, list[Difference]]:
    keys = {one: _key(one) for one in streams if category_of(one) == DOCUMENT}
    with database.snapshot() as connection:
        at = checkpoints.position(connection, SUBSCRIPTION) or 0
        stored = {table.name: _stored(connection, table, list(keys.values())) for table in TABLES}
        known = _known(connection, {_place(one) for one in streams})
        under_way = under_revalidation(connection)
    entities = {_place(one): entity_stream(*_place(one)) for one in streams}
    states = _states(loader, {*streams, *entities.values()}, at)
    found: dict[str, list[Difference]] = {}
    for stream in streams:
        place, now = _place(stream), states[stream]
        account, name = place
        views = set()
        if now[0][1] and place not in known:
            views.add((tables.document_entities.name, name))
        if stream in keys:
            possible = [
                rows_of_document(_entity(entity, name), *place, _document(one), one.version)
                for one, _ in now
                for entity, _ in states[entities[place]]
            ]
            for table in TABLES:
                if table is tables.document_schemas and place in under_way:
                    continue  # documents are still validated by the schemas as they are now
                rows = comparable(stored[table.name].get(keys[stream], []))
                if all(rows != comparable(one[table]) for one in possible):
                    views.add((table.name, f"{name}/{keys[stream][2]}"))
        if views:
            found[stream] = [Difference(now[0][1], view, account, of) for view, of in sorted(views)]
    return found


def _place(stream: str) -> tuple[str, str]:
    return stream.partition("/")[0], entity_of(stream)


def _key(stream: str) -> Key:
    account, _, entity, key = stream.split("/", 3)
    return account, entity, key


def _entity(state: StreamState, name: str) -> Entity:
    return state.state if isinstance(state.state, Entity) else first(name)


def _document(state: StreamState) -> Document | None:
    return state.state if isinstance(state.state, Document) else None


def _states(loader: StreamLoader, streams: set[str], at: int) -> Mapping[str, States]:
    """The state of each stream as of a position, and those after it."""
    found: dict[str, States] = {stream: [(NOTHING, 0)] for stream in streams}
    rows = loader.store.streams(sorted(streams), loader.store.head())
    for row, event in zip(rows, loader.events(rows), strict=True):
        states = found[row.stream]
        after = (loader.apply(states[-1][0], row, event), row.position)
        found[row.stream] = [after] if row.position <= at else [*states, after]
    return found


def _stored(
    connection: Connection, table: Table, keys: Sequence[Key]
) -> dict[Key, list[dict[str, Any]]]:
    stored: dict[Key, list[dict[str, Any]]] = {}
    of_keys = among(connection, (table.c.account, table.c.entity, table.c.id_key), keys)
    for row in connection.execute(select(table).where(of_keys)):
        stored.setdefault((row.account, row.entity, row.id_key), []).append(dict(row._mapping))
    return stored


def _known(connection: Connection, places: set[tuple[str, str]]) -> set[tuple[str, str]]:
    t = tables.document_entities
    columns = (t.c.account, t.c.entity)
    query = select(*columns).where(among(connection, columns, sorted(places)))
    return {(account, entity) for account, entity in connection.execute(query)}
