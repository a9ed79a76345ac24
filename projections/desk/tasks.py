"""The tasks of an account: opened and closed as orders go on, worked on by people.

The subscription and people write into the same rows. What the subscription does is known by the
position of the event, so that to read the events again changes nothing that was done since.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.desk.task_rules import (
    FAILURES,
    RESTS,
    as_task,
    occasions,
)
from oms_ledger.desk.tasks import CLOSED, OPEN
from oms_ledger.eventstore.folding import Page
from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.eventstore.serialization import stored_name
from oms_ledger.orders.order import Order
from projections.tables import task_history as h
from projections.tables import task_targets as targets
from projections.tables import tasks as t

SUBSCRIPTION = "tasks"
COMMENT, STATUS = "comment", "status"
ERASED = "(erased)"
_TELLING = {stored_name(event) for event in FAILURES}


@dataclass(frozen=True, slots=True)
class Task:
    """`body` is the task as it was created; instants in microseconds."""

    id: str
    status: str
    body: dict[str, Any]
    created_at: int
    created_by: str
    changed_at: int


@dataclass(frozen=True, slots=True)
class Line:
    """What was done to a task: `kind` is `comment` or `status`, `text` the new one."""

    task: str
    at: int
    actor: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Turn:
    """An occasion arose (`body` is its task) or went (no body) by the event `row`."""

    row: RecordedEvent
    surrogate_key: str
    body: dict[str, Any] | None


class Tasks:
    """Destination of the subscription `tasks`."""

    view_version = 0

    def produce(self, page: Page) -> list[_Turn]:
        """What each event of the page opened and closed, in the order of the ledger."""
        streams = {row.stream for row in page.rows if _may_turn(row)}
        turns: list[_Turn] = []
        for row, _, before, after in page.transitions_of(streams):
            if not isinstance(after.state, Order):
                continue
            were = occasions(before.state if isinstance(before.state, Order) else None)
            are = occasions(after.state)
            turns += [_Turn(row, key, None) for key in were if key not in are]
            turns += [
                _Turn(row, key, as_task(after.state, one))
                for key, one in are.items()
                if key not in were
            ]
        return turns

    def store(self, connection: Connection, produced: object) -> None:
        """Open and close, except what an event at that place did already."""
        assert isinstance(produced, list)
        for turn in produced:
            if turn.body is None:
                _close(connection, turn)
            else:
                _open(connection, turn, turn.body)


def _may_turn(row: RecordedEvent) -> bool:
    moved = row.status != row.status_before and not RESTS.isdisjoint(
        (row.status, row.status_before)
    )
    return moved or row.name in _TELLING


def _insert(connection: Connection, table: Any) -> Any:
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _open(connection: Connection, turn: _Turn, body: dict[str, Any]) -> None:
    row, digest = turn.row, hashlib.sha256(f"{turn.row.account}/{turn.surrogate_key}".encode())
    opened = _values(digest.hexdigest()[:32].upper(), row.account, body, row.actor, row.at)
    statement = _insert(connection, t).values(**opened, flow_position=row.position)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "surrogate_key"],
            set_={"status": OPEN, "changed_at": row.at, "flow_position": row.position},
            where=t.c.flow_position < row.position,
        )
    )
    _turned(connection, turn, OPEN)


def _close(connection: Connection, turn: _Turn) -> None:
    row = turn.row
    closed = {"status": CLOSED, "changed_at": row.at, "flow_position": row.position}
    before = (t.c.account == row.account, t.c.surrogate_key == turn.surrogate_key)
    connection.execute(update(t).where(*before, t.c.flow_position < row.position).values(closed))
    _turned(connection, turn, CLOSED)


def _turned(connection: Connection, turn: _Turn, status: str) -> None:
    """The ledger's line in the history, by whoever caused the event; each once.

    None where the task is not there: it went along with its account to another cell.
    """
    row = turn.row
    key = (t.c.account == row.account, t.c.surrogate_key == turn.surrogate_key)
    task = connection.execute(select(t.c.id).where(*key)).scalar_one_or_none()
    if task is None:
        return
    line = {"task": task, "id": f"{row.position:020d}", "at": row.at, "actor": row.actor}
    line |= {"kind": STATUS, "text": status}
    connection.execute(_insert(connection, h).values(**line).on_conflict_do_nothing())
    if turn.body is not None:
        _aim(connection, row.account, task, turn.body)


def _aim(connection: Connection, account: str, task: str, body: dict[str, Any]) -> None:
    for target in {str(one["id"]) for one in body["target"]}:
        aimed = _insert(connection, targets).values(account=account, target=target, task=task)
        connection.execute(aimed.on_conflict_do_nothing())


def _values(task: str, account: str, body: dict[str, Any], actor: str, at: int) -> dict[str, Any]:
    return {
        "id": task,
        "account": account,
        "surrogate_key": body["surrogateKey"],
        "context": body["context"],
        "assignee": ((body["assignee"] or {}).get("email") or "").lower() or None,
        "status": OPEN,
        "body": json.dumps(body),
        "words": _words(body),
        "created_at": at,
        "created_by": actor,
        "changed_at": at,
    }


def _words(body: dict[str, Any]) -> str:
    """What a task is searched by before anybody commented on it."""
    assignee = body["assignee"] or {}
    said = (body["name"], *(body.get("translateMapping") or {}).values())
    return _comparable(*said, *(assignee.get(name) for name in ("name", "email")))


def _comparable(*texts: str | None) -> str:
    """Texts as they are compared: without case, and without what no database can keep."""
    return "".join(f"{text.casefold()}\n" for text in texts if text).replace("\x00", "\ufffd")


def keep_open(
    connection: Connection, account: str, body: dict[str, Any], actor: str, now: int
) -> None:
    """Open a task for what no event tells of: made anew, or opened again where it was closed."""
    task = create(connection, account, body, actor, now)
    set_status(connection, account, task, OPEN, actor, now)


def close(connection: Connection, account: str, surrogate_key: str, actor: str, now: int) -> None:
    """Close the task of a surrogate key, if there is one."""
    same = (t.c.account == account, t.c.surrogate_key == surrogate_key)
    task = connection.execute(select(t.c.id).where(*same)).scalar_one_or_none()
    if task is not None:
        set_status(connection, account, task, CLOSED, actor, now)


def create(connection: Connection, account: str, body: dict[str, Any], actor: str, now: int) -> str:
    """A new task, or the one that has its surrogate key already; its id."""
    task = secrets.token_hex(16).upper()
    body = {**body, "surrogateKey": body["surrogateKey"] or task}
    made = _insert(connection, t).values(**_values(task, account, body, actor, now))
    made = made.on_conflict_do_nothing(index_elements=["account", "surrogate_key"])
    if connection.execute(made.returning(t.c.id)).scalar_one_or_none():
        _aim(connection, account, task, body)
        _write(connection, task, actor, STATUS, OPEN, now)
        return task
    same = (t.c.account == account, t.c.surrogate_key == body["surrogateKey"])
    return str(connection.execute(select(t.c.id).where(*same)).scalar_one())


def set_status(
    connection: Connection, account: str, task: str, status: str, actor: str, now: int
) -> None:
    """Nothing where the task has the status already, or is not the account's."""
    other = (t.c.account == account, t.c.id == task, t.c.status != status)
    changed = update(t).where(*other).values(status=status, changed_at=now)
    if connection.execute(changed).rowcount == 1:
        _write(connection, task, actor, STATUS, status, now)


def comment(
    connection: Connection, account: str, task: str, text: str, actor: str, now: int
) -> None:
    """Write under a task of the account; nothing happens where it has none of that id."""
    ours = (t.c.account == account, t.c.id == task)
    changed = {"changed_at": now, "words": t.c.words + _comparable(text)}
    if connection.execute(update(t).where(*ours).values(changed)).rowcount == 1:
        _write(connection, task, actor, COMMENT, text, now)


def _write(connection: Connection, task: str, actor: str, kind: str, text: str, now: int) -> None:
    line = {"task": task, "id": secrets.token_hex(8), "at": now, "actor": actor}
    connection.execute(_insert(connection, h).values(**line, kind=kind, text=text))


_COLUMNS = [t.c[name] for name in Task.__slots__]


def _task(row: Any) -> Task:
    return Task(**{**row._mapping, "body": json.loads(row.body)})


def get(connection: Connection, account: str, task: str) -> Task | None:
    """The account's task of that id, open or closed."""
    query = select(*_COLUMNS).where(t.c.account == account, t.c.id == task)
    row = connection.execute(query).one_or_none()
    return None if row is None else _task(row)


def history(connection: Connection, tasks: Sequence[Task]) -> dict[str, list[Line]]:
    """What was done to each task, oldest first."""
    fields: dict[str, list[Line]] = {one.id: [] for one in tasks}
    columns = [h.c[name] for name in Line.__slots__]
    query = select(*columns).where(h.c.task.in_(fields)).order_by(h.c.at, h.c.id)
    for row in connection.execute(query):
        fields[row.task].append(Line(**row._mapping))
    return fields


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """`without` are statuses that the tasks must not have."""

    account: str
    statuses: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    assignee: str | None = None
    target: str | None = None
    context: str | None = None
    surrogate_key: str | None = None
    words: str | None = None
    """A text that stands in the name, the assignee or a comment, in any case."""


def page(
    connection: Connection, task_query: TaskQuery, number: int, size: int
) -> tuple[list[Task], int]:
    """A page, newest first, counted from 1, and how many tasks there are on all pages."""
    where = _where(task_query)
    total = connection.execute(select(func.count()).select_from(t).where(*where)).scalar_one()
    query = select(*_COLUMNS).where(*where).order_by(t.c.created_at.desc(), t.c.id)
    rows = connection.execute(query.limit(size).offset((number - 1) * size))
    return [_task(row) for row in rows], total


def _where(task_query: TaskQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [t.c.account == task_query.account]
    if task_query.statuses:
        where.append(t.c.status.in_(task_query.statuses))
    if task_query.without:
        where.append(t.c.status.not_in(task_query.without))
    if task_query.assignee is not None:
        where.append(t.c.assignee == task_query.assignee.lower())
    if task_query.context is not None:
        where.append(func.lower(t.c.context) == task_query.context.lower())
    if task_query.surrogate_key is not None:
        where.append(t.c.surrogate_key == task_query.surrogate_key)
    if task_query.words is not None:
        where.append(
            t.c.words.contains(_comparable(task_query.words).rstrip("\n"), autoescape=True)
        )
    if task_query.target is not None:
        aimed = select(targets.c.task).where(
            targets.c.account == task_query.account, targets.c.target == task_query.target
        )
        where.append(t.c.id.in_(aimed))
    return where


def erase(connection: Connection, account: str, order_ids: Sequence[str]) -> None:
    """Take out what people wrote about these orders: it may name their person."""
    aimed = select(targets.c.task).where(
        targets.c.account == account, targets.c.target.in_(order_ids)
    )
    written = update(h).where(h.c.task.in_(aimed), h.c.kind == COMMENT)
    connection.execute(written.values(text=ERASED))
    for row in connection.execute(select(t.c.id, t.c.body).where(t.c.id.in_(aimed))).all():
        body = {**json.loads(row.body), "metadata": None}
        if body.get("description"):
            body["description"] = ERASED
        kept = {"body": json.dumps(body), "words": _words(body)}
        connection.execute(update(t).where(t.c.id == row.id).values(kept))
