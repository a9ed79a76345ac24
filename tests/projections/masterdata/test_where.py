"""One truth of a condition, in memory and in SQL, on both databases (G73)."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from oms_ledger.clock import Clock
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.tables import metadata
from oms_ledger.masterdata.condition import (
    SPACE_OR_PLUS,
    And,
    Between,
    Compare,
    Condition,
    IsNull,
    Literal,
    Or,
    parse_condition,
)
from oms_ledger.masterdata.matching import holds
from oms_ledger.masterdata.values import Paths
from projections.masterdata import tables
from projections.masterdata.documents import rows_of_terms
from projections.masterdata.where import Where

WORDS = (
    "", "a", "A", "ab", "aB c", "a+c", "a c", "ß", "SS", "É", "e", "1", "1.0", "true", "null",
    "2024-01-31", "2024-01-31T10:00:00Z", "2024-02-01T00:00:00+02:00", "%", "_", "\\", "€", "12-3",
    "123", "x" * 399 + "yz", "x" * 400, "*", "\x00",
)  # fmt: skip
NAMES = ("f", "g", "items", "id", "number")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, 1.5])
    | st.sampled_from(WORDS)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from(NAMES[:3] + NAMES[4:]), values, max_size=4)
fields = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
literals = (
    st.sampled_from(WORDS)
    | st.lists(st.sampled_from(["*", "a", "b", SPACE_OR_PLUS, "c", "x" * 399]), max_size=7).map(
        "".join
    )
).map(lambda text: Literal(text.replace("**", "*").replace("**", "*")))
comparisons = (
    st.builds(Compare, fields, st.sampled_from(["=", "<>", ">", "<", ">=", "<="]), literals)
    | st.builds(Between, fields, literals, literals)
    | st.builds(IsNull, fields, st.booleans())
)
conditions = st.recursive(
    comparisons,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda p: And(tuple(p)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda p: Or(tuple(p)))
    ),
    max_leaves=5,
)

PATHS = Paths(frozenset({"number"}))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    database = Database(database_url, Clock())
    wanted = [tables.documents, tables.document_terms]
    metadata.create_all(database.engine, tables=wanted)
    with database.engine.connect() as connection:
        yield connection
        connection.rollback()
    database.close()


def store(connection: Connection, documents: list[dict[str, Any]]) -> None:
    for table in (tables.document_terms, tables.documents):
        connection.execute(table.delete())
    for at, document in enumerate(documents):
        place = {"account": "acme", "entity": "E", "id_key": f"id{at}"}
        row = {
            **place,
            "id": f"id{at}",
            "version": 1,
            "created_at": at,
            "created_by": "Key",
            "last_interaction_at": at,
            "last_interaction_by": "key",
            "content": b"{}",
        }
        connection.execute(insert(tables.documents), row)
        if terms := rows_of_terms(place, document, PATHS):
            connection.execute(insert(tables.document_terms), terms)


@pytest.mark.guarantee("G73")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    found=st.lists(documents, min_size=1, max_size=4), requested=st.lists(conditions, max_size=6)
)
def test_sql_and_memory_agree(
    connection: Connection, found: list[dict[str, Any]], requested: list[Condition]
) -> None:
    store(connection, found)
    for condition in requested:
        query = select(tables.documents.c.id).where(Where("acme", "E", PATHS.numbers).of(condition))
        in_sql = set(connection.execute(query).scalars())
        in_memory = {
            f"id{at}"
            for at, document in enumerate(found)
            if holds(condition, {**document, "id": f"id{at}"}, PATHS)
        }
        assert in_sql == in_memory, (condition, found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("createdBy=key", {"id0", "id1"}),
        ("id=ID1", {"id1"}),
        ("createdIn>=1970-01-01 AND createdIn<1970-01-02", {"id0", "id1"}),
        ("updatedIn is null", {"id0", "id1"}),
        ("updatedIn<>1970-01-01", {"id0", "id1"}),
        ("createdIn between 1970-01-01 AND 1970-01-01", {"id0", "id1"}),
        ("id between id1 AND id5", {"id1"}),
        ("id<>2024-01-31", {"id0", "id1"}),
        ("createdBy<>2024-01-31", {"id0", "id1"}),
        ("updatedBy<>2024-01-31", {"id0", "id1"}),
        ("id<>1", {"id0", "id1"}),
    ],
)
def test_fields_of_every_document(connection: Connection, text: str, expected: set[str]) -> None:
    store(connection, [{}, {}])
    query = select(tables.documents.c.id).where(Where("acme", "E").of(parse_condition(text)))
    assert set(connection.execute(query).scalars()) == expected
