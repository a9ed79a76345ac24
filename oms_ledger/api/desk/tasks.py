"""Tasks of VTEX DO: what people are to look at, and what they did about it (contract 07 §6)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, Field
from sqlalchemy import Connection

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.api.orders.queries import number
from oms_ledger.cell import Cell
from oms_ledger.desk.tasks import STATUSES, status_named
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.instants import spell
from oms_ledger.orders.refusals import TaskNotFound
from projections.desk import tasks
from projections.desk.tasks import Line, Task, TaskQuery

router = APIRouter(tags=["VTEX DO"])

TASKS = ("/api/do/tasks", "/do/tasks")
LONGEST = 2000  # characters of a text
PER_PAGE, MOST = 10, 100

MayRead = Annotated[Caller, Depends(requires("read_tasks"))]
MayWrite = Annotated[Caller, Depends(requires("write_tasks"))]

Word = Annotated[str, Field(min_length=1, max_length=256, coerce_numbers_to_str=True)]
LongText = Annotated[str, Field(max_length=LONGEST)]


def _known(text: str) -> str:
    status = status_named(text)
    if status is None:
        raise ValueError(f"one of {', '.join(STATUSES)}")
    return status


class Target(Body):
    """What the task is about: its type, mostly an order, and its id."""

    id: Word
    type: Word
    url: str = ""


class Somebody(Body):
    """A person, known by e-mail."""

    id: str | None = None
    name: str | None = None
    email: Word
    key: str | None = None


class NewTask(Body):
    """A task with a `surrogateKey` that another one has is that one: nothing new is made."""

    target: Annotated[list[Target], Field(min_length=1, max_length=100)]
    domain: Word
    context: Word
    name: Word
    translate_mapping: dict[str, str] | None = None
    priority: Word
    surrogate_key: Annotated[str | None, Field(max_length=256, coerce_numbers_to_str=True)] = None
    description: LongText | None = None
    due_date: str | None = None
    assignee: Somebody | None = None
    followers: Annotated[list[Somebody], Field(max_length=100)] | None = None
    parent_task_id: str | None = None
    order_id: str | None = None
    metadata: dict[str, Any] | None = None


class NewStatus(Body):
    """The status that the task goes to."""

    status: Annotated[str, AfterValidator(_known)]


class NewComment(Body):
    """A comment, of plain text."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]


@router.post(TASKS[0])
@router.post(TASKS[1], include_in_schema=False)
async def post_task(request: Request, cell: TheCell, caller: MayWrite) -> Response:
    """Create a task; the one that has its `surrogateKey` already is answered as it is."""
    body = parse(NewTask, await json_body(request)).model_dump(by_alias=True)

    def create(connection: Connection) -> str:
        return tasks.create(connection, caller.account, body, caller.app_key, cell.clock.micros())

    return await _answer(cell, caller, await _written(cell, create))


@router.get(TASKS[0])
@router.get(TASKS[1], include_in_schema=False)
async def get_tasks(request: Request, cell: TheCell, caller: MayRead) -> Response:
    """Newest first, by `assignee.email`, `target.id`, `context`, `status`, `surrogateKey`.

    `status=-Closed` is not closed; `q` stands in the name, the assignee or a comment. `page` from
    1, `perPage` 10, at most 100.
    """
    query = request.query_params
    page = number(query.get("page") or "1", "page") or 1
    size = number(query.get("perPage") or query.get("perpage") or str(PER_PAGE), "perPage") or 1
    if size > MOST:
        raise bad_request(f"perPage: found {size}, expected at most {MOST}")
    task_query = _task_query(caller.account, query.get, query.getlist("status"))
    account = await cell.ledger.account(caller.account)
    behind = await request.app.state.desk.wait()

    def look(connection: Connection) -> tuple[list[Task], int, dict[str, list[Line]]]:
        found, total = tasks.page(connection, task_query, page, size)
        return found, total, tasks.history(connection, found)

    found, total, lines = await cell.read(look)
    return json_response(
        {
            "piiHidden": bool(account.setting("pii")),
            "items": [shown(one, lines[one.id]) for one in found],
            "paging": {"page": page, "perPage": size, "total": total, "pages": -(-total // size)},
        },
        headers={"X-Ledger-Lag": str(behind)} if behind else None,
    )


def _task_query(
    account: str, given: Callable[[str], str | None], statuses: Sequence[str]
) -> TaskQuery:
    """Unknown statuses are of no task, as in the list of orders."""
    words = [word.strip() for text in statuses for word in text.split(",") if word.strip()]
    wanted = [word for word in words if not word.startswith("-")]
    without = [status_named(word[1:]) for word in words if word.startswith("-")]
    return TaskQuery(
        account,
        statuses=tuple(status_named(word) or word for word in wanted),
        without=tuple(filter(None, without)),
        assignee=given("assignee.email") or None,
        target=given("target.id") or given("targetId") or None,
        context=given("context") or None,
        surrogate_key=given("surrogateKey") or None,
        words=(given("q") or "").strip() or None,
    )


@router.get(f"{TASKS[0]}/{{task_id}}")
@router.get(f"{TASKS[1]}/{{task_id}}", include_in_schema=False)
async def get_task(task_id: PathId, request: Request, cell: TheCell, caller: MayRead) -> Response:
    """A task with its `history`: who did what to it and when."""
    await request.app.state.desk.wait()
    return await _answer(cell, caller, task_id)


@router.put(f"{TASKS[0]}/{{task_id}}")
@router.put(f"{TASKS[1]}/{{task_id}}", include_in_schema=False)
async def put_task(task_id: PathId, request: Request, cell: TheCell, caller: MayWrite) -> Response:
    """Set the status. A task about an order is closed by itself when the order goes on."""
    status = parse(NewStatus, await json_body(request)).status

    def update(connection: Connection) -> str:
        tasks.set_status(
            connection, caller.account, task_id, status, caller.app_key, cell.clock.micros()
        )
        return task_id

    return await _answer(cell, caller, await _written(cell, update))


@router.post(f"{TASKS[0]}/{{task_id}}/comments")
@router.post(f"{TASKS[1]}/{{task_id}}/comments", include_in_schema=False)
async def post_comment(
    task_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Add a comment to a task, and answer the task."""
    text = parse(NewComment, await json_body(request)).text

    def comment(connection: Connection) -> str:
        tasks.comment(
            connection, caller.account, task_id, text, caller.app_key, cell.clock.micros()
        )
        return task_id

    return await _answer(cell, caller, await _written(cell, comment))


async def _written(cell: Cell, write: Callable[[Connection], str]) -> str:
    return await cell.write(write)


async def _answer(cell: Cell, caller: Caller, task_id: str) -> Response:
    def look(connection: Connection) -> tuple[Task | None, list[Line]]:
        found = tasks.get(connection, caller.account, task_id)
        return found, tasks.history(connection, [found])[found.id] if found else []

    task, lines = await cell.read(look)
    if task is None:
        raise TaskNotFound(task_id)
    fields = [{"date": _spell(one.at), "by": one.actor, one.kind: one.text} for one in lines]
    return json_response({**shown(task, lines), "history": fields})


def _spell(at: int) -> str:
    return spell(instant(at), "Z")


def shown(task: Task, lines: Sequence[Line]) -> dict[str, Any]:
    """A task as the published list has it, and what else it was created with."""
    body = task.body
    return {
        "comments": [line.text for line in lines if line.kind == tasks.COMMENT],
        "id": task.id,
        "surrogateKey": body["surrogateKey"],
        "domain": body["domain"],
        "target": body["target"],
        "name": body["name"],
        "translateMapping": body.get("translateMapping") or {},
        "context": body["context"],
        "priority": body["priority"],
        "status": task.status,
        "creationDate": _spell(task.created_at),
        "assignee": body.get("assignee"),
        "description": body.get("description"),
        "dueDate": body.get("dueDate"),
        "followers": body.get("followers") or [],
        "parentTaskId": body.get("parentTaskId"),
        "orderId": body.get("orderId"),
        "metadata": body.get("metadata"),
        "createdBy": {"id": task.created_by, "name": None, "email": None, "key": task.created_by},
        "lastUpdate": _spell(task.changed_at),
    }
