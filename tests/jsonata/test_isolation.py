"""What is not plain is evaluated by a child of bounded memory and time, and to the same end."""

import os
import signal
import threading
from pathlib import Path

import pytest

from oms_ledger import jsonata
from oms_ledger.jsonata import BoundExceeded, ChildKilled, EvaluationError, compile
from oms_ledger.jsonata.isolation import Child, Children, Isolated
from oms_ledger.jsonata.reference import Reference
from oms_ledger.jsonata.syntax import parse
from tests.jsonata.engines import AT, ORDER
from tests.support.hostile_expressions import HOSTILE
from tests.support.patience import HANGS

PATIENT = 1_000_000


@pytest.fixture(scope="module")
def children():
    made = Children(most=2)
    yield made
    made.close()


@pytest.fixture
def isolated(children):
    """The process evaluates as web and workers do."""
    jsonata.isolate(children)
    yield children
    jsonata._children[0] = None
    jsonata._cache.clear()


COUNT = "$count($filter(items, function($i) { $i.quantity > 1 }))"


@pytest.mark.guarantee("G64")
def test_plain_expressions_stay_and_others_are_given_to_a_child(isolated):
    assert isinstance(compile(COUNT)._evaluate, Isolated)
    assert isinstance(compile(COUNT, "jsonata-python")._evaluate, Isolated)
    for plain in ("value > 1", "$contains(status, /inv.*/)"):
        assert not isinstance(compile(plain)._evaluate, Isolated)


@pytest.mark.guarantee("G64")
@pytest.mark.parametrize(
    "text",
    [
        COUNT,
        "$map(items, function($i) { {'n': $i.name, 'p': $i.price / 3} })",
        "[$now()]",
        "items ~> |$|{'x': 1}|",
        "$match(status, /(in)(v)?/)",
        "[1..3].($ * 1e20)",
        "{'a': $string($)}",
        "$nothing",
        'function($x) { "\\ud83d" }("")',
        "$sum([1..100]) > $count(items)",
    ],
)
def test_a_child_comes_to_what_this_process_does(text, isolated):
    there = compile(text)
    jsonata._children[0] = None
    jsonata._cache.clear()
    here = compile(text)
    assert isinstance(there._evaluate, Isolated)
    assert there.value(ORDER, AT, PATIENT) == here.value(ORDER, AT, PATIENT)
    assert there.truthy(ORDER, AT, PATIENT) == here.truthy(ORDER, AT, PATIENT)


@pytest.mark.guarantee("G64")
def test_a_hostile_expression_ends_in_a_child_as_here(isolated):
    for name in ("a huge range", "a string that doubles", "an endless recursion", "a slow sort"):
        with pytest.raises(BoundExceeded) as here:
            Reference(parse(HOSTILE[name]))(ORDER, AT, PATIENT)
        with pytest.raises(BoundExceeded) as there:
            compile(HOSTILE[name]).value(ORDER, AT, PATIENT)
        assert there.value.bound == here.value.bound
    with pytest.raises(EvaluationError, match="exponent-separator"):
        compile(HOSTILE["an exponent that backtracks"]).value(ORDER, AT)


def evaluated(children, text):
    return Isolated(text, children)(ORDER, AT, 1)


@pytest.mark.guarantee("G64")
def test_an_expression_that_ends_its_child_fails_and_others_go_on(children):
    """What no bound of ours stops is stopped by the kernel: here the child is killed outright."""
    assert evaluated(children, COUNT) == 1
    killed = []

    class Doomed(Child):
        def ask(self, request, patience):
            killed.append(self)
            self._process.kill()
            return super().ask(request, patience)

    doomed = Children(most=1)
    doomed._take = lambda: Doomed()  # type: ignore[method-assign]
    with pytest.raises(ChildKilled):
        evaluated(doomed, COUNT)
    assert len(killed) == 2  # it was given a second child
    assert evaluated(children, COUNT) == 1


@pytest.mark.guarantee("G64")
def test_a_child_that_was_ended_by_somebody_else_is_replaced(children):
    assert evaluated(children, COUNT) == 1
    for child in children._free:
        os.kill(child._process.pid, signal.SIGKILL)
        child._process.wait()
    assert evaluated(children, COUNT) == 1


@pytest.mark.guarantee("G64")
def test_memory_and_processor_time_of_a_child_are_bounded():
    child = Child()
    children = Children(most=1)
    children._free.append(child)
    assert evaluated(children, COUNT) == 1
    limits = Path(f"/proc/{child._process.pid}/limits").read_text()
    assert "536870912" in next(line for line in limits.splitlines() if "address space" in line)
    cpu = next(line for line in limits.splitlines() if "cpu time" in line).split()
    assert int(cpu[3]) <= 5
    children.close()


@pytest.mark.guarantee("G64")
def test_a_child_knows_no_secret(monkeypatch):
    monkeypatch.setenv("OMS_MASTER_KEY", "secret")
    child = Child()
    assert b"secret" not in Path(f"/proc/{child._process.pid}/environ").read_bytes()
    child.close()


def test_children_are_few_and_shared_between_threads(children):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(evaluated(children, COUNT)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    assert answers == [1] * 8
    assert len(children._free) <= 2
