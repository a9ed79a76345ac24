"""Jobs of every kind: killed between any two steps, they come to the same end."""

import asyncio
import json
import os
import signal
import traceback
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import orjson
import pytest
from sqlalchemy import event, select, update

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.tables import events
from oms_ledger.services import signals
from oms_ledger.services.jobs import runner
from oms_ledger.services.jobs.job_kind import Step
from oms_ledger.services.jobs.registry import KINDS
from oms_ledger.services.placement import importing
from projections import tables
from projections.jobs import jobs
from projections.jobs.tables import job_inputs
from projections.orders import views
from projections.subscriptions import checkpoints, leases
from projections.subscriptions.views import VIEWS
from tests.support.purchases import ACCOUNT, open_account, place_paid
from workers import jobs as worker_jobs
from workers import scheduler
from workers.runtime.signal_jobs import SignalWorker

CTX = CommandContext(ACCOUNT, "test")
LONG = 600.0  # seconds of a slice: a slow machine cuts none short


@pytest.fixture(autouse=True)
def account(cell):
    asyncio.run(open_account(cell.ledger))


@pytest.fixture
def queued(cell, redis_url):
    """The cell with a Redis of its own."""
    own = Cell(replace(cell.settings, redis_url=redis_url))
    own.require_key()
    own.redis.flushall()
    yield own
    own.redis.flushall()
    own.close()


def ask(cell, kind, /, *, inputs=(), total=None, **arguments):
    given = KINDS[kind].arguments(**arguments)
    return asyncio.run(runner.ask(cell, CTX, KINDS[kind], given, inputs=inputs, total=total))


def job_of(cell, job_id):
    with cell.database.snapshot() as connection:
        return jobs.get(connection, job_id)


def carried_on(cell, job_id, step=None):
    """Carry a job on in another process; it is killed when it has done so many steps, right
    before the last is committed. Answers whether it was killed.
    """
    child = os.fork()
    if child == 0:
        try:
            own, stored, store = Cell(cell.settings), [], runner._store
            own.require_key()

            def storing(*arguments):
                moved = store(*arguments)
                stored.append(1)
                if len(stored) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return moved

            runner._store = storing
            asyncio.run(runner.carry_on(own, job_id, seconds=LONG))
            own.close()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def forget_holder(cell, job_id):
    """As if the lease of the killed process had run out."""
    with cell.database.writing() as connection:
        leases.fence(connection, jobs.lease_of(job_id))


class Killed(BaseException):
    """Nothing handles it: what is under way is rolled back, as when the process is gone."""


def killed_everywhere(cell, prepare):
    """Jobs that `prepare` asks for, one cut short before its first step is stored, one before its
    second, … and each carried on to its end. Yields them until one is not cut short.
    """
    step, killed, store = 0, True, runner._store
    while killed:
        step += 1
        job_id, stored, killed = prepare(step), list[int](), False

        def storing(*arguments, stored=stored, step=step):
            moved = store(*arguments)
            stored.append(1)
            if len(stored) == step:
                raise Killed
            return moved

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(runner, "_store", storing)
            try:
                asyncio.run(runner.carry_on(cell, job_id, seconds=LONG))
            except Killed:
                killed = True
        forget_holder(cell, job_id)
        asyncio.run(runner.carry_on(cell, job_id, seconds=LONG))
        yield job_of(cell, job_id)
    assert step > 3, "too few were cut short"


def orders(n, count=3):
    return [f"v{n * 10 + number}-01" for number in range(count)]


def test_an_erasure_that_is_killed_erases_the_rest(cell, monkeypatch):
    monkeypatch.setattr("oms_ledger.services.privacy.steps.AT_ONCE", 1)
    for job in killed_everywhere(cell, lambda n: _erasure(cell, n)):
        assert job.state == jobs.DONE, job
        assert job.personal is None
        assert len(job.result["orders"]) == 2
        for order_id in job.result["orders"]:
            assert asyncio.run(cell.ledger.order(ACCOUNT, order_id)).erased_at
        assert job.done == job.total
    with cell.database.snapshot() as connection:
        notes = connection.execute(select(tables.customer_index.c.order_id)).all()
    assert notes == []


def _erasure(cell, n):
    async def place():
        for order_id in orders(n, 2):
            await place_paid(cell.ledger, order_id, n)

    asyncio.run(place())
    return ask(cell, "erasure", kind="email", value="ana@example.com", include_open=True)


def test_an_import_that_is_killed_has_every_order_once(cell, monkeypatch):
    monkeypatch.setattr(importing, "LINES", 1)
    documents = _documents()

    def prepare(n):
        lines = [{**one, "orderId": f"v{n}{at}x-01"} for at, one in enumerate(documents)]
        content = b"\n".join([*map(orjson.dumps, lines), b"no json"])
        inputs, total = importing.inputs_of(content)
        return ask(cell, "import", inputs=inputs, total=total)

    for number, job in enumerate(killed_everywhere(cell, prepare), 1):
        assert job.state == jobs.DONE, job
        assert job.result["imported"] + job.result["known"] == len(documents)
        assert [one["line"] for one in job.result["refused"]] == [len(documents) + 1]
        for at in range(len(documents)):
            names = [row.name for row in cell.store.stream(f"{ACCOUNT}/v{number}{at}x-01")]
            assert names.count(names[0]) == 1
    with cell.database.snapshot() as connection:
        assert connection.execute(select(job_inputs)).all() == []


PUBLISHED = Path(__file__).parents[1] / "published" / "order.json"


def _documents():
    example = json.loads(PUBLISHED.read_text("utf-8"))["example"]
    return [example, example]


@pytest.mark.guarantee("G33")
def test_a_job_survives_the_process_that_carries_it_on(cell, monkeypatch):
    monkeypatch.setattr(importing, "LINES", 1)
    lines = [{**one, "orderId": f"v{at}x-01"} for at, one in enumerate(_documents())]
    inputs, total = importing.inputs_of(b"\n".join(map(orjson.dumps, lines)))
    job_id = ask(cell, "import", inputs=inputs, total=total)
    assert carried_on(cell, job_id, 2)
    job = job_of(cell, job_id)
    assert (job.state, job.done) == (jobs.RUNNING, 1)
    assert not asyncio.run(runner.carry_on(cell, job_id)), "its lease is still held"
    forget_holder(cell, job_id)
    asyncio.run(runner.carry_on(cell, job_id, seconds=LONG))
    job = job_of(cell, job_id)
    assert (job.state, job.done, job.result["known"]) == (jobs.DONE, 2, 1)


def test_a_rebuild_that_is_killed_rebuilds_every_row(cell, monkeypatch):
    monkeypatch.setattr("oms_ledger.services.ops.rebuilding.EVENTS", 4)
    monkeypatch.setattr("oms_ledger.services.ops.rebuilding.PAGES", 1)
    _place(cell, 1, 2)
    _catch_up(cell)
    t = tables.order_views
    with cell.database.snapshot() as connection:
        before = connection.execute(select(t).order_by(t.c.order_id)).all()
    assert len(before) == 2

    def prepare(_):
        with cell.database.writing() as connection:
            connection.execute(update(t).values(value=0))
        return ask(cell, "rebuild", view=views.SUBSCRIPTION)

    for job in killed_everywhere(cell, prepare):
        assert job.state == jobs.DONE, job
        with cell.database.snapshot() as connection:
            assert connection.execute(select(t).order_by(t.c.order_id)).all() == before
            assert checkpoints.position(connection, f"rebuild:{views.SUBSCRIPTION}") is None


@pytest.mark.guarantee("G8")
def test_a_verification_that_is_killed_finds_what_differs_once(cell, monkeypatch):
    monkeypatch.setattr("projections.ops.verify.PAGE", 1)
    monkeypatch.setattr("oms_ledger.services.ops.verifying.PAGES", 1)
    monkeypatch.setattr("oms_ledger.services.ops.verifying.SEALS", 4)
    _place(cell, 1, 3)
    _catch_up(cell)
    with cell.database.writing() as connection:
        changed = update(tables.order_views).where(tables.order_views.c.order_id == "v10-01")
        connection.execute(changed.values(order_group="other"))
    for job in killed_everywhere(cell, lambda _: ask(cell, "verify")):
        assert job.state == jobs.DONE, job
        assert not job.result["ok"]
        found = [(one["view"], one["orderId"]) for one in job.result["views"]]
        assert found == [("order_views", "v10-01")]
        assert job.done == job.total


def test_a_verification_names_the_position_that_was_tampered_with(cell):
    _place(cell, 1, 1)
    with cell.database.writing() as connection:
        connection.execute(update(events).where(events.c.position == 2).values(actor="nobody"))
    job = job_of(cell, carried_to_the_end(cell, ask(cell, "verify")))
    assert (job.result["ok"], job.result["position"]) == (False, 2)
    assert job.result["reason"] == "the event was changed"


def carried_to_the_end(cell, job_id):
    assert not carried_on(cell, job_id)
    return job_id


def _place(cell, n, count):
    async def place():
        for number, order_id in enumerate(orders(n, count)):
            await place_paid(cell.ledger, order_id, 10 * n + number)

    asyncio.run(place())


def _catch_up(cell):
    for subscription, view in VIEWS.items():
        checkpoints.run(cell.database, cell.loader(), subscription, view())


def test_a_job_that_ends_its_processes_is_given_up(cell, monkeypatch):
    monkeypatch.setattr(jobs, "ATTEMPTS", 2)
    job_id = ask(cell, "verify")
    for _ in range(2):
        assert carried_on(cell, job_id, 1)
        forget_holder(cell, job_id)
    assert not carried_on(cell, job_id)
    job = job_of(cell, job_id)
    assert (job.state, job.failure) == (jobs.FAILED, "it was begun 2 times in vain")


def test_a_job_that_fails_says_why_without_what_it_found(cell, monkeypatch):
    job_id = ask(cell, "erasure", kind="email", value="ana@example.com")

    async def broken(*_, **__):
        raise ValueError("ana@example.com")

    monkeypatch.setattr("oms_ledger.services.privacy.steps.find", broken)
    with pytest.raises(ValueError, match="ana"):
        asyncio.run(runner.carry_on(cell, job_id))
    job = job_of(cell, job_id)
    assert (job.state, job.failure, job.personal) == (jobs.FAILED, "ValueError", None)


def test_of_an_account_so_many_jobs_run_and_the_others_wait(cell):
    ids = [ask(cell, "verify") for _ in range(5)]
    with cell.database.writing() as connection:
        for job_id in ids[:4]:
            assert jobs.begin(connection, job_id, 1, most=4, bounded=["verify"])
    assert not asyncio.run(runner.carry_on(cell, ids[4]))
    assert job_of(cell, ids[4]).state == jobs.WAITING
    asyncio.run(runner.cancel(cell, CTX, job_of(cell, ids[0])))
    asyncio.run(runner.carry_on(cell, ids[4], seconds=LONG))
    assert job_of(cell, ids[4]).state == jobs.DONE
    assert job_of(cell, ids[0]).state == jobs.CANCELLED
    assert not asyncio.run(runner.cancel(cell, CTX, job_of(cell, ids[0])))


def test_an_account_has_only_so_many_unfinished_jobs(cell, monkeypatch):
    monkeypatch.setattr(runner, "MOST_UNFINISHED", 2)
    for _ in range(2):
        ask(cell, "verify")
    head = cell.store.head()
    with pytest.raises(runner.TooManyJobs):
        ask(cell, "verify")
    assert cell.store.head() == head, "what was refused is no event"


def test_what_a_cancelled_job_was_about_to_store_is_not_stored(cell):
    job_id = ask(cell, "verify")
    with cell.database.writing() as connection:
        job, token = jobs.begin(connection, job_id, 1, most=None, bounded=())
    asyncio.run(runner.cancel(cell, CTX, job))
    with cell.database.writing() as connection, pytest.raises(leases.Fenced):
        runner._store(connection, cell, job, token, Step(1, 2, {"a": 1}))
    assert job_of(cell, job_id).done == 0


def test_the_lease_is_locked_before_the_row(cell):
    """In one order everywhere: who cancels a job and who stores a step only wait."""
    job_id, locked = ask(cell, "verify"), list[str]()

    def locking(_, __, statement, *___):
        if not statement.startswith("SELECT") or "FOR UPDATE" in statement:
            locked.extend(one for one in ("leases", "jobs") if f" {one} " in statement[:200])

    event.listen(cell.database.engine, "before_cursor_execute", locking)
    try:
        with cell.database.writing() as connection:
            job, token = jobs.begin(connection, job_id, 1, most=4, bounded=["verify"])
        begun = locked.copy()
        locked.clear()
        with cell.database.writing() as connection:
            runner._store(connection, cell, job, token, Step(1, 2))
        stored = locked.copy()
        locked.clear()
        asyncio.run(runner.cancel(cell, CTX, job))
    finally:
        event.remove(cell.database.engine, "before_cursor_execute", locking)
    for order in (begun, stored, locked):
        assert order.index("leases") < order.index("jobs"), order


def test_a_job_is_read_once_however_many_steps_it_has(cell, monkeypatch):
    monkeypatch.setattr(importing, "LINES", 1)
    lines = [{**_documents()[0], "orderId": f"v{at}x-01"} for at in range(4)]
    inputs, total = importing.inputs_of(b"\n".join(map(orjson.dumps, lines)))
    job_id, get = ask(cell, "import", inputs=inputs, total=total), Mock(wraps=jobs.get)
    monkeypatch.setattr(jobs, "get", get)
    asyncio.run(runner.carry_on(cell, job_id, seconds=LONG))
    assert get.call_count == 3, "before, and twice when it is begun"
    assert job_of(cell, job_id).done == 4


def test_who_waits_for_a_job_of_somebody_else_writes_nothing(cell, monkeypatch):
    job_id, rests = ask(cell, "verify"), list[float]()
    with cell.database.writing() as connection:
        job, token = jobs.begin(connection, job_id, 1, most=None, bounded=())

    async def rest(seconds):
        rests.append(seconds)
        if len(rests) == 7:
            with cell.database.writing() as connection:
                runner._store(connection, cell, job, token, Step(1, 1, result={}))

    begin = Mock(wraps=jobs.begin)
    monkeypatch.setattr(jobs, "begin", begin)
    monkeypatch.setattr("oms_ledger.services.jobs.runner.asyncio.sleep", rest)
    assert asyncio.run(runner.finish(cell, job_id)).state == jobs.DONE
    assert rests == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    begin.assert_not_called()


def test_jobs_are_found_and_done_without_redis(cell):
    """No signal is needed: the worker takes what is due from the table."""
    job_id = ask(cell, "verify")
    while worker_jobs.carry_on_due(cell):
        pass
    assert job_of(cell, job_id).state == jobs.DONE


@pytest.mark.guarantee("G33")
def test_the_scheduler_signals_a_job_whose_signal_was_lost(queued):
    job_id = ask(queued, "verify")
    worker_jobs.open_context(queued)
    try:
        scheduler.reconcile(queued)
        worker = SignalWorker(queued.redis, [signals.QUEUE, signals.SLOW], worker_jobs.advance)
        worker.work(burst=True, logging_level="CRITICAL")
    finally:
        worker_jobs.close_context()
    assert job_of(queued, job_id).state == jobs.DONE


def test_who_requested_and_who_cancelled_is_recorded(cell):
    head = cell.store.head()
    job_id = ask(cell, "verify")
    asyncio.run(runner.cancel(cell, CommandContext(ACCOUNT, "person:1"), job_of(cell, job_id)))
    rows = cell.store.page(head)
    assert [(row.name, row.actor) for row in rows] == [
        ("job-started", "test"),
        ("job-cancelled", "person:1"),
    ]
    assert job_of(cell, job_id).actor == "test"


def test_finished_jobs_are_dropped_after_a_month(cell):
    job_id = carried_to_the_end(cell, ask(cell, "verify"))
    finished = job_of(cell, job_id).finished_at
    for now, left in ((finished + jobs.KEPT, True), (finished + jobs.KEPT + 1, False)):
        with cell.database.writing() as connection:
            runner.expire(connection, now)
        assert (job_of(cell, job_id) is not None) is left


def test_nothing_is_looked_up_by_an_id_of_another_form(cell, monkeypatch):
    get = Mock(wraps=jobs.get)
    monkeypatch.setattr(jobs, "get", get)
    for odd in ("../x", "ab" * 16 + "\n", "ab" * 8 + "a", "os.system", ""):
        assert not asyncio.run(runner.carry_on(cell, odd))
    get.assert_not_called()
    assert not asyncio.run(runner.carry_on(cell, "ab" * 16))
    get.assert_called_once()


def test_what_is_unfinished_can_be_said_to_a_worker(queued):
    """A signal whose name a worker refuses would never be carried on."""
    ids = {kind: f"{at:032x}" for at, kind in enumerate(KINDS)}
    short = f"{1:016x}"  # of a bulk run that a former release began
    with queued.database.writing() as connection:
        for kind, job_id in [*ids.items(), ("bulk-run", short)]:
            jobs.insert_job(connection, job_id, ACCOUNT, kind, {}, actor="test", now=1)
    scheduler.reconcile(queued)
    advanced = list[str]()
    worker = SignalWorker(queued.redis, [signals.SLOW], advanced.append)
    worker.work(burst=True, logging_level="CRITICAL")
    assert sorted(advanced) == sorted(f"job:{one}" for one in [*ids.values(), short])


def test_a_signal_of_a_former_release_or_of_nobody_does_nothing(queued):
    worker_jobs.open_context(queued)
    try:
        for name in (f"export:{'ab' * 16}", f"run:{'ab' * 8}", "revalidation:acme:CL", "x"):
            worker_jobs.advance(name)
    finally:
        worker_jobs.close_context()
