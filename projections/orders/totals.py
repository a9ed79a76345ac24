"""Totals of a list without looking at every order: kept with the views, in their transaction.

For each account, and for each term of the counted kinds, the orders of a day and of a month are
added up apart by status, origin and currency: count, sum, sum of squares, least and greatest. A
bucket remembers how many orders are its least (and its greatest); when the last of them leaves,
that one bucket is looked through again. So every figure is exact at every moment (G30), and the
same as if it were computed again (G31).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from oms_ledger.eventstore.records import EPOCH
from projections.orders.stats import SHIFT, Sums, Totals
from projections.sql.keys import among
from projections.sql.upserts import upsert
from projections.tables import order_search_terms, order_views
from projections.tables import order_totals as t

DAY = 86_400_000_000  # microseconds
_LOW = (1 << SHIFT) - 1
_CHUNK = 400
_KEY = [column for column in t.c if column.primary_key]
ALL = ("", "")  # the kind and term under which every order counts
Bounds = tuple[int | None, int | None]  # microseconds, both inclusive


class TotalKey(NamedTuple):
    """The key of a row of `order_totals`; `span` is `day` or `month`, `bucket` its number."""

    account: str
    kind: str
    span: str
    term: str
    bucket: int
    status: str
    origin: str
    currency: str


class OrderShare(NamedTuple):
    """What one order adds to the totals, and where."""

    account: str
    created_at: int
    status: str
    origin: str
    currency: str
    value: int
    items: int
    terms: tuple[tuple[str, str], ...]

    def places(self) -> set[TotalKey]:
        """Every total that the order counts in: its day and its month, for each term."""
        day = self.created_at // DAY
        spans = (("day", day), ("month", month_of(day)))
        return {
            TotalKey(
                self.account, kind, span, term, bucket, self.status, self.origin, self.currency
            )
            for kind, term in (ALL, *self.terms)
            for span, bucket in spans
        }


def month_of(day: int) -> int:
    """The month of a day, both counted as buckets are: months from the year 0, days from 1970."""
    at = EPOCH + timedelta(days=day)
    return at.year * 12 + at.month - 1


def _first_day(month: int) -> int:
    return (datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) - EPOCH).days


@dataclass(slots=True)
class _Measure:
    sum: int = 0
    squares: int = 0
    min: int = 0
    min_count: int = 0
    max: int = 0
    max_count: int = 0

    def add(self, value: int) -> None:
        self.sum += value
        self.squares += value * value
        self._look_at(value, 1)

    def remove(self, value: int) -> None:
        self.sum -= value
        self.squares -= value * value
        if value == self.min:
            self.min_count -= 1
        if value == self.max:
            self.max_count -= 1

    @property
    def torn(self) -> bool:
        """Whether the least or the greatest left, so that another one has to be found."""
        return self.min_count <= 0 or self.max_count <= 0

    def look_through(self, values: Iterable[tuple[int, int, int, int]]) -> None:
        """The extremes again, of (min, how many, max, how many)."""
        self.min_count = self.max_count = 0
        for least, leasts, greatest, greatests in values:
            self._look_at(least, leasts, greatest=False)
            self._look_at(greatest, greatests, least=False)

    def _look_at(
        self, value: int, times: int, *, least: bool = True, greatest: bool = True
    ) -> None:
        if least:
            if not self.min_count or value < self.min:
                self.min, self.min_count = value, 0
            self.min_count += times if value == self.min else 0
        if greatest:
            if not self.max_count or value > self.max:
                self.max, self.max_count = value, 0
            self.max_count += times if value == self.max else 0

    def columns(self, of: str) -> dict[str, int]:
        return {
            f"{of}_sum": self.sum,
            f"{of}_squares_high": self.squares >> SHIFT,
            f"{of}_squares_low": self.squares & _LOW,
            f"{of}_min": self.min,
            f"{of}_min_count": self.min_count,
            f"{of}_max": self.max,
            f"{of}_max_count": self.max_count,
        }


@dataclass(slots=True)
class _Bucket:
    count: int = 0
    value: _Measure = field(default_factory=_Measure)
    items: _Measure = field(default_factory=_Measure)

    @classmethod
    def of(cls, row: Any) -> "_Bucket":
        def measure(name: str) -> _Measure:
            fields = row._mapping
            high, low = fields[f"{name}_squares_high"], fields[f"{name}_squares_low"]
            extremes = ("min", "min_count", "max", "max_count")
            return _Measure(
                fields[f"{name}_sum"],
                (high << SHIFT) + low,
                *(fields[f"{name}_{extreme}"] for extreme in extremes),
            )

        return cls(row._mapping["count"], measure("value"), measure("items"))


def keep(
    connection: Connection, moves: Iterable[tuple[OrderShare | None, OrderShare | None]]
) -> None:
    """Take previous shares out and new ones in. The views and terms are already the new ones."""
    coming: dict[TotalKey, list[OrderShare]] = defaultdict(list)
    going: dict[TotalKey, list[OrderShare]] = defaultdict(list)
    for former, new in moves:
        if former == new:
            continue
        before = former.places() if former else set()
        after = new.places() if new else set()
        same = former and new and (former.value, former.items) == (new.value, new.items)
        for key in after - before if same else after:
            assert new is not None
            coming[key].append(new)
        for key in before - after if same else before:
            assert former is not None
            going[key].append(former)
    touched = sorted({*coming, *going})
    for span in ("day", "month"):  # a month is looked through by its days
        _keep_span(connection, [key for key in touched if key.span == span], coming, going)


def _keep_span(
    connection: Connection,
    keys: Sequence[TotalKey],
    coming: dict[TotalKey, list[OrderShare]],
    going: dict[TotalKey, list[OrderShare]],
) -> None:
    for at in range(0, len(keys), _CHUNK):
        chunk = keys[at : at + _CHUNK]
        buckets = {key: _Bucket() for key in chunk} | _stored(connection, chunk)
        gone, kept = [], []
        for key in chunk:
            bucket = buckets[key]
            bucket.count += len(coming[key]) - len(going[key])
            for of in ("value", "items"):
                measure: _Measure = getattr(bucket, of)
                for share in coming[key]:
                    measure.add(getattr(share, of))
                for share in going[key]:
                    measure.remove(getattr(share, of))
            if bucket.count <= 0:
                gone.append(key)
                continue
            if bucket.value.torn or bucket.items.torn:
                _look_through(connection, key, bucket)
            kept.append(_columns(key, bucket))
        _write(connection, gone, kept)


def _columns(key: TotalKey, bucket: _Bucket) -> dict[str, Any]:
    measured = bucket.value.columns("value") | bucket.items.columns("items")
    return key._asdict() | {"count": bucket.count} | measured


def _stored(connection: Connection, keys: Sequence[TotalKey]) -> dict[TotalKey, _Bucket]:
    found = connection.execute(select(t).where(among(connection, _KEY, keys)))
    names = TotalKey._fields
    return {TotalKey(*(row._mapping[n] for n in names)): _Bucket.of(row) for row in found}


def _write(connection: Connection, gone: list[TotalKey], kept: list[dict[str, Any]]) -> None:
    if gone:
        connection.execute(t.delete().where(among(connection, _KEY, gone)))
    if kept:
        connection.execute(upsert(connection, t), kept)


def _look_through(connection: Connection, key: TotalKey, bucket: _Bucket) -> None:
    if key.span == "month":
        _by_days(connection, key, bucket)
        return
    v = order_views
    query = select(v.c.value, v.c["items"]).where(
        v.c.account == key.account,
        v.c.status == key.status if key.status else v.c.complete.is_(False),
        v.c.created_at >= key.bucket * DAY,
        v.c.created_at < (key.bucket + 1) * DAY,
        v.c.origin == key.origin,
        v.c.currency == key.currency,
    )
    if key.kind:
        query = query.where(has_term(key.kind, (key.term,)))
    found = connection.execute(query).all()
    bucket.value.look_through((value, 1, value, 1) for value, _ in found)
    bucket.items.look_through((items, 1, items, 1) for _, items in found)


def _by_days(connection: Connection, key: TotalKey, bucket: _Bucket) -> None:
    first, after = _first_day(key.bucket), _first_day(key.bucket + 1)
    same = key._replace(span="day")._asdict()
    del same["bucket"]
    query = select(t).where(
        *(t.c[name] == value for name, value in same.items()),
        t.c.bucket >= first,
        t.c.bucket < after,
    )
    days = [_Bucket.of(row) for row in connection.execute(query)]
    for of in ("value", "items"):
        many: list[_Measure] = [getattr(day, of) for day in days]
        getattr(bucket, of).look_through(
            (day.min, day.min_count, day.max, day.max_count) for day in many
        )


def has_term(kind: str, terms: Sequence[str]) -> ColumnElement[bool]:
    """Whether the order of a view has one of the terms; a look-up by key for each order."""
    v, o = order_views, order_search_terms
    return (
        select(1)
        .where(
            o.c.account == v.c.account,
            o.c.order_id == v.c.order_id,
            o.c.kind == kind,
            o.c.term.in_(terms),
        )
        .correlate(v)
        .exists()
    )


# Reading


def within(created: Bounds) -> ColumnElement[bool]:
    """The buckets that lie wholly within an interval."""
    first, last = _whole_days(created)
    if first is not None and last is not None and first > last:
        return false()
    return _buckets(first, last)


def edges(created: Bounds) -> list[Bounds]:
    """What is left of an interval beside the buckets within it."""
    low, high = created
    first, last = _whole_days(created)
    if first is not None and last is not None and first > last:
        return [created]
    left: list[Bounds] = []
    if first is not None and first * DAY > (low or 0):
        left.append((low, first * DAY - 1))
    if last is not None and (last + 1) * DAY <= (high or 0):
        left.append(((last + 1) * DAY, high))
    return left


def _whole_days(created: Bounds) -> tuple[int | None, int | None]:
    low, high = created
    return (
        None if low is None else -(-low // DAY),
        None if high is None else (high + 1) // DAY - 1,
    )


def _buckets(first: int | None, last: int | None) -> ColumnElement[bool]:
    """Whole months where they fit, days before and after them."""
    month = None if first is None else month_of(first - 1) + 1  # the first that begins within
    until = None if last is None else month_of(last + 1) - 1  # the last that ends within
    if month is not None and until is not None and month > until:
        return and_(t.c.span == "day", t.c.bucket >= first, t.c.bucket <= last)
    months = [t.c.span == "month"]
    parts = [months]
    if month is not None:
        months.append(t.c.bucket >= month)
        parts.append([t.c.span == "day", t.c.bucket >= first, t.c.bucket < _first_day(month)])
    if until is not None:
        months.append(t.c.bucket <= until)
        parts.append([t.c.span == "day", t.c.bucket >= _first_day(until + 1), t.c.bucket <= last])
    return or_(*(and_(*part) for part in parts))


_SUMS = select(
    t.c.origin,
    t.c.currency,
    func.sum(t.c.count),
    *(
        figure(t.c[f"{of}_{name}"])
        for of in ("value", "items")
        for figure, name in (
            (func.min, "min"),
            (func.max, "max"),
            (func.sum, "sum"),
            (func.sum, "squares_high"),
            (func.sum, "squares_low"),
        )
    ),
).group_by(t.c.origin, t.c.currency)


def statement(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """What adds up the buckets that match; `totals` executes it."""
    return _SUMS.where(*conditions)


def totals(connection: Connection, query: Select[Any], account: str) -> Totals:
    """Exact totals of an account; its name is the statement's parameter `of`."""
    value, items = {}, {}
    for origin, currency, count, *figures in connection.execute(query, {"of": account}):
        value[origin, currency] = _sums(count, figures[:5])
        items[origin, currency] = _sums(count, figures[5:])
    return Totals(value, items)


def _sums(count: Any, figures: Sequence[Any]) -> Sums:
    least, greatest, total, high, low = (int(figure) for figure in figures)
    return Sums(int(count), least, greatest, total, (high << SHIFT) + low)
