"""Master Data: saves beside appends, searches beside raw SQL, triggers beside judging each."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from sqlalchemy import text

from benchmarks import orders, places
from benchmarks.alternating import medians
from benchmarks.appending import one_event_writes
from benchmarks.figures import Metric, percentile
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.masterdata.condition import Compare, Literal
from oms_ledger.masterdata.entity import Entity, first
from oms_ledger.masterdata.firing import fires_on_save, index_of
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.triggers import MOST_TRIGGERS
from oms_ledger.services.masterdata.documents import Find, Save, save
from projections.masterdata.search import Query, search

ENTITY, CLIENTS, TRIGGERS, SEARCHES = "Newsletter", 64, 1000, 300


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    """`count` documents are searched."""
    with places.empty_cell(database) as cell:
        asyncio.run(orders.open_account(cell.ledger))
        works = {"saves": partial(_saves, cell), "appends": partial(one_event_writes, cell, [])}
        rates = medians(works, seconds)
        fields = ("documents/s", rates["appends"], "append, one event a command")
        yield Metric("save a document", database, rates["saves"], *fields)
    with places.empty_cell(database) as cell:
        _fill(cell, count)
        ours, raw = _searches(cell, count)
        name = f"search by an indexed field, {count:,} documents"
        for title, share in (("p50", 0.5), ("p99", 0.99)):
            fields = ("ms", percentile(raw, share) * 1000, "raw SQL")
            yield Metric(f"{name}: {title}", database, percentile(ours, share) * 1000, *fields)
    if database == places.SQLITE:
        yield _triggers(seconds)


def _saves(cell: Cell, seconds: float) -> float:
    return asyncio.run(_saving(cell, seconds))


async def _saving(cell: Cell, seconds: float) -> float:
    done, until = 0, time.perf_counter() + seconds
    ctx = CommandContext(orders.ACCOUNT, "benchmark")

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            document_id = orders.new_id()
            body = {"id": document_id, "email": f"{document_id}@example.com", "age": done}
            await save(cell, ctx, Save(ENTITY, body, Find.BODY_ID))
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.perf_counter() - began)


_NUMBERS = {
    places.SQLITE: (
        "WITH RECURSIVE numbers(n) AS"
        " (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"
    ),
    places.POSTGRESQL: "WITH numbers(n) AS (SELECT generate_series(0, :last))",
}
_KEY = {places.SQLITE: "printf('%08d', n)", places.POSTGRESQL: "lpad(n::text, 8, '0')"}
_EMAIL = "CAST(n AS text) || '@example.com'"


def _fill(cell: Cell, count: int) -> None:
    """Documents with an e-mail and an age, and their terms, written by the database itself."""
    database = places.SQLITE if cell.database.sqlite else places.POSTGRESQL
    numbers, key = _NUMBERS[database], _KEY[database]
    place, term = ":account, :entity, " + key, "INSERT INTO document_terms (account, entity, id_key"
    content = '\'{"email":"\' || ' + _EMAIL + " || '\",\"age\":' || CAST(n % 90 AS text) || '}'"
    content = f"CAST({content} AS {'blob' if cell.database.sqlite else 'text'})"
    if not cell.database.sqlite:
        content = f"convert_to({content}, 'UTF8')"
    statements = (
        "INSERT INTO documents (account, entity, id_key, id, version, created_at, created_by,"
        f" last_interaction_at, last_interaction_by, content) {numbers}"
        f" SELECT {place}, {key}, 1, n, 'benchmark', n, 'benchmark', {content} FROM numbers",
        f"{term}, path, ordinal, kind, term) {numbers}"
        f" SELECT {place}, 'email', 0, 's', {_EMAIL} FROM numbers",
        f"{term}, path, ordinal, kind, number) {numbers}"
        f" SELECT {place}, 'age', 0, 'n', n % 90 FROM numbers",
    )
    values = {"account": orders.ACCOUNT, "entity": ENTITY, "last": count - 1}
    with cell.database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement), values)
    with cell.database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")


_RAW = text(
    "SELECT d.* FROM documents d JOIN document_terms t USING (account, entity, id_key)"
    " WHERE t.account = :account AND t.entity = :entity AND t.path = 'email' AND t.term = :term"
)


def _searches(cell: Cell, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each search with its total, and of one statement that finds the same."""
    ours: list[float] = []
    raw: list[float] = []
    for number in range(SEARCHES):
        term = f"{number * 7919 % count}@example.com"
        condition = Compare("email", "=", Literal(term))
        began = time.perf_counter()
        with cell.database.snapshot() as connection:
            found = search(connection, Query(orders.ACCOUNT, first(ENTITY), condition), 0, 15)
        ours.append(time.perf_counter() - began)
        assert found.total == 1
        began = time.perf_counter()
        with cell.database.snapshot() as connection:
            values = {"account": orders.ACCOUNT, "entity": ENTITY, "term": term}
            assert len(connection.execute(_RAW, values).all()) == 1
        raw.append(time.perf_counter() - began)
    return ours, raw


def _triggers(seconds: float) -> Metric:
    """Versions a second that are judged by a thousand triggers."""
    action = {"type": "http", "uri": "https://example.com"}
    given = [
        {"name": f"t{at}", "condition": f"state=s{at} AND age>10", "action": action}
        for at in range(TRIGGERS)
    ]
    bodies = {
        f"v{at}": {"properties": {}, "v-triggers": given[at : at + MOST_TRIGGERS]}
        for at in range(0, TRIGGERS, MOST_TRIGGERS)
    }
    entity = Entity(ENTITY, bodies)
    index = index_of(entity)
    conditions = [armed.trigger.condition for armed in index.every()]
    documents = [{"id": str(at), "state": f"s{at % TRIGGERS}", "age": at} for at in range(500)]

    def indexed(slice_seconds: float) -> float:
        return _rate(
            lambda one: fires_on_save(index, one, lambda _: True, entity.paths),
            documents,
            slice_seconds,
        )

    def each(slice_seconds: float) -> float:
        return _rate(
            lambda one: [c for c in conditions if holds(c, one, entity.paths)],
            documents,
            slice_seconds,
        )

    rates = medians({"indexed": indexed, "each": each}, seconds)
    fields = ("versions/s", rates["each"], "every condition by itself")
    return Metric(f"judge {TRIGGERS} triggers", "-", rates["indexed"], *fields)


def _rate(work: object, documents: list[dict[str, object]], seconds: float) -> float:
    assert callable(work)
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        work(documents[done % len(documents)])
        done += 1
    return done / took
