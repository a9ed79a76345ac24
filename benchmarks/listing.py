"""Lists over few and over many orders, beside raw SQL for the same rows; exports in rows a second.

The orders are made by SQL, spread over two years, with a row each as lists show it and without
documents, which lists do not read; terms and figures are as the views' subscription keeps them.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, text

from benchmarks import orders, places
from benchmarks.figures import Metric, percentile
from benchmarks.reading import Raw, rebuild, seconds_each
from oms_ledger.accounts.account import Account
from oms_ledger.api.orders.facets import facets
from oms_ledger.api.orders.queries import requested
from oms_ledger.cell import Cell
from projections.exports import rows as exports_rows
from projections.exports.rows import ExportFormat
from projections.exports.spreadsheets import csv_file
from projections.orders import query
from projections.orders.query import OrderQuery
from projections.orders.totals import DAY, TotalKey, month_of
from projections.tables import order_totals

_STATUS = (
    "CASE WHEN n > :count - :count / 100 THEN 'ready-for-handling'"
    " WHEN n % 20 = 0 THEN 'canceled' ELSE 'invoiced' END"
)
_SERIES = (
    "WITH RECURSIVE series(n) AS (SELECT CAST(1 AS bigint)"
    " UNION ALL SELECT n + 1 FROM series WHERE n < :count)"
)
_VALUE = "(1000 + n * 7919 % 100000)"
_CREATED = "(:begin + n * :step)"
TERMS = {
    "seller": "'shop ' || (n % 50)",
    "payment": "CASE WHEN n % 3 = 0 THEN 'visa' ELSE 'pix' END",
    "email": "'person' || (n % (1 + :count / 3)) || '@example.com'",
    "name": "'family' || (n % 1000)",
    "sku": "'sku' || (n % 5000)",
    "id": "'v' || n || 'bnch-01'",
}
_SUMMED = (
    "SELECT origin, currency, count(*), sum(value), min(value), max(value), sum(items)"
    " FROM order_views WHERE {} GROUP BY origin, currency"
)
_ROWS = "SELECT row FROM order_views WHERE {} ORDER BY created_at DESC, order_id DESC LIMIT 15"


@dataclass(frozen=True)
class Case:
    """What is asked of a list, and the same as a condition in SQL."""

    name: str
    given: dict[str, list[str]]
    where: str
    parameters: tuple[object, ...] = ()
    facets: str = ""


def cases(begin: int, step: int, count: int) -> list[Case]:
    low, high = begin + step * count // 2, begin + step * count // 2 + 30 * DAY
    interval = " TO ".join(_instant(at) for at in (low, high))
    seller = (
        "order_id IN (SELECT order_id FROM order_search_terms WHERE account = ? AND kind = 'seller'"
        " AND term = ?)"
    )
    mine = "account = ? AND complete = ?"
    account = (orders.ACCOUNT, True)
    return [
        Case("all", {}, mine, account),
        Case(
            *("by status", {"f_status": ["ready-for-handling"]}, f"{mine} AND status = ?"),
            (*account, "ready-for-handling"),
        ),
        Case(
            *("of a month", {"f_creationDate": [f"[{interval}]"]}),
            *(f"{mine} AND created_at BETWEEN ? AND ?", (*account, low, high)),
        ),
        Case(
            *("by seller", {"f_sellerNames": ["Shop 7"]}, f"{mine} AND {seller}"),
            (*account, orders.ACCOUNT, "shop 7"),
        ),
        Case(
            "by SKU",
            {"searchField": ["sku_Ids"], "sku_Ids": ["sku77"]},
            f"{mine} AND {seller.replace('seller', 'sku')}",
            (*account, orders.ACCOUNT, "sku77"),
        ),
        Case(
            *("q: e-mail", {"q": ["person77@example.com"]}),
            f"{mine} AND {seller.replace('seller', 'email')}",
            (*account, orders.ACCOUNT, "person77@example.com"),
        ),
        Case(
            *("q: part of a name", {"q": ["family99"]}),
            f"{mine} AND {seller.replace('seller', 'name').replace('term = ?', 'term LIKE ?')}",
            (*account, orders.ACCOUNT, "family99%"),
        ),
        Case("all, with every facet", {}, mine, account, facets="1"),
    ]


def _instant(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1e6))


def figures(database: str, count: int, seconds: float) -> Iterator[Metric]:
    with places.empty_cell(database) as cell:
        began = time.perf_counter()
        begin, step = _fill(cell, count)
        yield Metric(f"made {count:,} orders", database, time.perf_counter() - began, "s")
        with closing(Raw(cell)) as raw:
            for case in cases(begin, step, count):
                yield from _one(cell, database, raw, case, count, seconds)


def _one(
    cell: Cell, database: str, raw: Raw, case: Case, count: int, seconds: float
) -> Iterator[Metric]:
    now = cell.clock.now()
    wanted = requested(Account(orders.ACCOUNT, "bnch"), case.given, now)

    def listed(_: int) -> None:
        with cell.database.snapshot() as connection:
            page = query.page(connection, wanted.order_query)
            facets(connection, wanted, case.facets, now)
        assert page.rows, case.name

    def alone(_: int) -> None:
        raw.ask(_ROWS.format(case.where), *case.parameters)
        raw.ask(_SUMMED.format(case.where), *case.parameters)

    taken = seconds_each(listed, seconds / 4)
    base = seconds_each(alone, seconds / 4)
    yield Metric(
        f"list {case.name}, {count:,} orders: p99",
        *(database, percentile(taken, 0.99) * 1000, "ms"),
        *(percentile(base, 0.99) * 1000, "raw SQL: the rows, and sums over all that match"),
    )


def _fill(cell: Cell, count: int) -> tuple[int, int]:
    """So many orders of two years up to now; when they begin, and how far apart they are."""
    asyncio.run(orders.open_account(cell.ledger))
    asyncio.run(orders.live(cell.ledger))
    rebuild(cell)
    end = int(cell.clock.now().timestamp() * 1e6)
    step = 730 * DAY // count
    begin = end - step * (count + 1)
    named = {"begin": begin, "step": step, "count": count, "account": orders.ACCOUNT}
    with cell.database.writing() as connection:
        (row,) = connection.execute(text("SELECT row FROM order_views")).one()
        connection.execute(text("DELETE FROM order_views"))
        connection.execute(text("DELETE FROM order_search_terms"))
        connection.execute(text("DELETE FROM order_totals"))
        _orders(connection, named, bytes(row))
        for kind, term in TERMS.items():
            connection.execute(
                text(
                    "INSERT INTO order_search_terms (account, order_id, kind, term, shown)"
                    f" {_SERIES}"
                    f" SELECT :account, 'v' || n || 'bnch-01', '{kind}', {term}, {term}"
                    " FROM series"
                ),
                _only(named, "account", "count"),
            )
        for kind in ("", "seller", "payment"):
            _add_up(connection, named, kind)
    with cell.database.snapshot() as connection:
        connection.execute(text("ANALYZE" if cell.database.sqlite else "VACUUM ANALYZE"))
    return begin, step


def _only(named: dict[str, object], *names: str) -> dict[str, object]:
    return {name: named[name] for name in names}


def _orders(connection: Connection, named: dict[str, object], row: bytes) -> None:
    connection.execute(
        text(
            "INSERT INTO order_views (account, order_id, version, order_group, sequence, complete,"
            " status, created_at, authorized_at, invoiced_at, delivered, value, items, origin,"
            f' currency, terms, "row", document) {_SERIES}'
            " SELECT :account, 'v' || n || 'bnch-01', 1, 'v' || n || 'bnch', n, true,"
            f" {_STATUS}, {_CREATED}, {_CREATED}, {_CREATED}, false, {_VALUE}, 1 + n % 5,"
            " 'Marketplace', 'BRL', '[]', :row, :document FROM series"
        ),
        {**named, "row": row, "document": b"{}"},
    )


def _add_up(connection: Connection, named: dict[str, object], kind: str) -> None:
    """The figures of one kind of term as the subscription would keep them, by days and by
    months.
    """
    term = TERMS.get(kind, "''")
    found = connection.execute(
        text(
            f"{_SERIES}, day_rows AS (SELECT {_CREATED} / {DAY} AS day, {_STATUS} AS status,"
            f" {term} AS term, {_VALUE} AS value, 1 + n % 5 AS items FROM series)"
            " SELECT day, status, term, count(*), sum(value), sum(value * value), min(value),"
            " max(value), sum(items), sum(items * items), min(items), max(items)"
            " FROM day_rows GROUP BY day, status, term"
        ),
        _only(named, "begin", "step", "count"),
    ).all()
    buckets: dict[TotalKey, list[int]] = {}
    for day, status, shown, *fields in found:
        numbers = [int(number) for number in fields]
        for span, bucket in (("day", int(day)), ("month", month_of(int(day)))):
            key = TotalKey(orders.ACCOUNT, kind, span, shown, bucket, status, "Marketplace", "BRL")
            buckets[key] = _together(buckets[key], numbers) if key in buckets else numbers
    rows = [
        key._asdict() | {"count": n[0]} | _measured("value", n[1:5]) | _measured("items", n[5:9])
        for key, n in buckets.items()
    ]
    for at in range(0, len(rows), 5000):
        connection.execute(order_totals.insert(), rows[at : at + 5000])


_LEAST, _MOST = (3, 7), (4, 8)


def _together(one: list[int], other: list[int]) -> list[int]:
    return [
        min(a, b) if i in _LEAST else max(a, b) if i in _MOST else a + b
        for i, (a, b) in enumerate(zip(one, other, strict=True))
    ]


def _measured(of: str, fields: list[int]) -> dict[str, int]:
    total, squares, least, most = fields
    return {
        f"{of}_sum": total,
        f"{of}_squares_high": squares >> 32,
        f"{of}_squares_low": squares & 0xFFFFFFFF,
        f"{of}_min": least,
        f"{of}_min_count": 1,
        f"{of}_max": most,
        f"{of}_max_count": 1,
    }


# Exports


def exporting(database: str, count: int) -> Iterator[Metric]:
    """Rows a second of an export, beside reading the same documents and writing them."""
    with places.empty_cell(database) as cell:

        async def lives() -> None:
            await orders.open_account(cell.ledger)
            for _ in range(count // 64):
                await asyncio.gather(*(orders.live(cell.ledger) for _ in range(64)))

        asyncio.run(lives())
        rebuild(cell)
        manner = ExportFormat("America/Sao_Paulo", "pt-BR", masked=False)
        took, rows = _csv(cell, manner)
        began = time.perf_counter()
        with closing(Raw(cell)) as raw:
            documents = raw.ask("SELECT document FROM order_views ORDER BY created_at, order_id")
        written = b"\n".join(bytes(document) for (document,) in documents)
        alone = time.perf_counter() - began
        assert orjson.loads(written.split(b"\n")[0])
        yield Metric(
            *("export the Order report as CSV", database, rows / took, "rows/s"),
            *(rows / alone, "raw SQL: the stored documents read and written"),
        )


def _csv(cell: Cell, manner: ExportFormat) -> tuple[float, int]:
    rows, began = 0, time.perf_counter()

    def pages() -> Iterator[list[list[str]]]:
        nonlocal rows
        for page in exports_rows.pages(cell.database, OrderQuery(orders.ACCOUNT)):
            fields = [row for order in page for row in manner.rows(order)]
            rows += len(fields)
            yield fields

    assert sum(map(len, csv_file(pages())))
    return time.perf_counter() - began, rows
