"""The tree: layers first, and in each layer the subjects that the contributor page lists."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    "oms_ledger/api",
    "oms_ledger/orders",
    "oms_ledger/services",
    "projections",
    "workers",
)
WALL_CLOCK = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}
CLOCK = "oms_ledger/clock.py"
NOT_USED = {
    *("judge", "judges", "judged", "judging", "courier", "switchboard", "clerk", "bench"),
    *("cursor", "notice", "notices", "owed", "owes", "wake", "wakes", "woken", "sweep"),
    *("stranger", "strangers"),
}
"""Of the glossary's words that are not used, those that are no ordinary verbs."""
NOT_NAMED = {
    *(NOT_USED - {"courier"}),
    *("told", "asked", "heard", "owe", "door", "doors", "cursors", "sweeps", "folded"),
}
"""Words that no name of the product has, whatever its case. A courier carries parcels there."""
NAMED_OTHERWISE = {
    "asked_as": "a field of stored events: the id under which a request was made",
    "heard": "a field of a stored event: the other side of the sale registered the change",
    "OrderAuthorizationJudged": "a stored event of an authorization",
    "MarketplaceNotAsked": "a refusal that says what did not happen",
    "add_notice_handler": "a name of psycopg",
}
FORBIDDEN = {"utils", "helpers", "common", "base", "core", "misc"}


def listed() -> set[str]:
    """The nouns of the two lists in CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.findall(r"\*\*(?:Subjects|Technical rooms):\*\* `([^`]+)`", page)
    assert len(found) == 2
    return {noun for line in found for noun in line.split()}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_folder_is_a_subject_of_the_list(layer):
    folders = {path.parent.name for path in (ROOT / layer).glob("*/__init__.py")}
    assert folders, layer
    assert folders <= listed()


def test_no_module_is_a_drawer_for_everything():
    modules = {
        path.stem for layer in (*LAYERS, "oms_ledger") for path in (ROOT / layer).rglob("*.py")
    }
    assert not modules & FORBIDDEN


def wall_clock_reads(source: str) -> list[int]:
    """The lines that read the time of day, or import the name of a function that does."""
    lines: list[int] = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Attribute):
            names = [".".join(ast.unparse(node).split(".")[-2:])]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{one.name}" for one in node.names]
        if WALL_CLOCK & set(names):
            lines.append(getattr(node, "lineno", 0))
    return lines


def test_only_the_clock_reads_the_time_of_day():
    """Everybody else is given an instant, or the cell's clock."""
    modules = [path for root in LAYERS for path in (ROOT / root.split("/")[0]).rglob("*.py")]
    read = {
        path.relative_to(ROOT).as_posix() for path in modules if wall_clock_reads(path.read_text())
    }
    assert read == {CLOCK}


@pytest.mark.parametrize(
    "line", ["at = time.time()", "from time import time_ns", "datetime.datetime.now(UTC)"]
)
def test_a_read_of_the_time_of_day_is_found(line):
    assert wall_clock_reads(line) == [1]


def test_no_test_is_named_by_a_word_of_before():
    tests = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert [name for name in sorted(tests) if NOT_USED & set(name.split("_"))] == []


def words_of(name: str) -> set[str]:
    """The words of an identifier, split at underscores and capitals."""
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)
    return {part.lower() for part in parts}


def names_in(source: str) -> set[str]:
    """Every identifier of a module, those inside of f-strings too."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue):
            names |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names


def test_no_name_of_the_product_has_a_word_of_before():
    modules = [path for root in LAYERS for path in (ROOT / root.split("/")[0]).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules
        if "migrations" not in path.parts  # they name what tables were called
        for name in names_in(path.read_text()) - NAMED_OTHERWISE.keys()
        if NOT_NAMED & words_of(name)
    }
    assert sorted(found) == []


@pytest.mark.parametrize("name", ["_told", "OrderTold", "told_by", "STRANGERS", "HTTPDoor"])
def test_a_word_of_before_is_found_in_a_name(name):
    assert NOT_NAMED & words_of(name)


def test_a_name_inside_of_an_f_string_is_found():
    assert "told" in names_in('f"{told!r}"')
