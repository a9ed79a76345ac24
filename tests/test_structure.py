"""The tree: layers first, and in each layer the subjects that the contributor page lists."""

import ast
import io
import re
import tokenize
from functools import cache
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
NOT_NAMED = {
    *("judge", "judges", "judged", "judging", "switchboard", "clerk", "bench"),
    *("cursor", "cursors", "notice", "notices", "owe", "owed", "owes", "wake", "wakes", "woken"),
    *("sweep", "sweeps", "stranger", "strangers", "door", "doors", "folded", "sick"),
    *("told", "asked", "hear", "hears", "heard"),
}
"""Words that no name has, whatever its case: of the product, a test or a benchmark."""
NAMED_OTHERWISE = {
    "asked_as": "a field of stored events: the id under which a request was made",
    "heard": "a field of a stored event: the other side of the sale registered the change",
    "OrderAuthorizationJudged": "a stored event of an authorization",
    "MarketplaceNotAsked": "a refusal that says what did not happen",
    "add_notice_handler": "a name of psycopg",
}
LIBRARY_NAMES = {"Cursor", "cursor_factory"}
"""Names of psycopg that a test says."""
PRIVATE = re.compile(
    r"""(?<![a-z])(?:
        judge[sd]? | judging | switchboard | clerk | bench | cursors? | notices?
        | ow(?:e|es|ed|ing) | wakes? | woken | sweeps? | strangers? | doors?
        | told | hears? | heard | hearing | sick | folded
        | (?:order|sale|one)s?[ ](?:above|below) | from[ ]above | paid[ ]above
        | (?:an?|the|each|every)[ ]asked
    )(?![a-z])""",
    re.VERBOSE | re.IGNORECASE,
)
"""The glossary's words that are not used, and in prose what they stood for besides."""
WRITTEN_OTHERWISE = {
    "before_cursor_execute": "an event of SQLAlchemy",
    "sweep": "a step of an erasure, as rows of jobs name it",
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
    if not any(name in source for name in ("from time import", *WALL_CLOCK)):
        return lines
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


@cache
def words_of(name: str) -> frozenset[str]:
    """The words of an identifier, split at underscores and capitals."""
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)
    return frozenset(part.lower() for part in parts)


def names_in(source: str) -> set[str]:
    """The identifiers of a module with such a word, those inside of f-strings too."""
    candidates = {word for word in set(re.findall(r"\w+", source)) if NOT_NAMED & words_of(word)}
    if not candidates:
        return set()
    names: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            names.add(token.string)
        elif token.type == tokenize.STRING and re.match("[rR]?[fF]", token.string):
            nodes = ast.walk(ast.parse(token.string))
            names |= {one.id for one in nodes if isinstance(one, ast.Name)}
    return names & candidates


def test_no_name_has_a_word_of_before():
    roots = {layer.split("/")[0] for layer in LAYERS}
    in_tests = NAMED_OTHERWISE.keys() - {"heard"} | LIBRARY_NAMES
    allowed = {
        **dict.fromkeys(roots, NAMED_OTHERWISE.keys()),
        **dict.fromkeys(("benchmarks", "tests"), in_tests),
    }
    modules = [
        (path, names) for root, names in allowed.items() for path in (ROOT / root).rglob("*.py")
    ]
    assert not {path.stem for path, _ in modules if NOT_NAMED & words_of(path.stem)}
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, allowed_here in modules
        if "migrations" not in path.parts  # they name what tables were called
        for name in names_in(path.read_text()) - allowed_here
    }
    assert sorted(found) == []


@pytest.mark.parametrize("name", ["_told", "OrderTold", "told_by", "STRANGERS", "HTTPDoor"])
def test_a_word_of_before_is_found_in_a_name(name):
    assert NOT_NAMED & words_of(name)


def test_a_name_inside_of_an_f_string_is_found():
    assert "told" in names_in('f"{told!r}"')


def prose_in(source: str) -> list[tuple[int, str]]:
    """The lines of comments, docstrings and other texts of a module, without `quoted names`."""
    lines: list[tuple[int, str]] = []
    if not PRIVATE.search(source.replace("_", " ")):
        return lines
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.STRING):
            continue
        if token.string.strip("\"'") in WRITTEN_OTHERWISE:
            continue
        text = re.sub(r"`[^`]*`", "", token.string).replace("_", " ")
        lines += [(token.start[0] + n, line) for n, line in enumerate(text.splitlines())]
    return lines


def private_words(name: str, lines: list[tuple[int, str]]) -> list[str]:
    return [
        f"{name}:{number}: {found[0]}" for number, line in lines for found in PRIVATE.finditer(line)
    ]


def test_no_text_of_the_product_has_a_word_of_before():
    found = [
        hit
        for root in {layer.split("/")[0] for layer in LAYERS}
        for path in sorted((ROOT / root).rglob("*.py"))
        if "migrations" not in path.parts
        for hit in private_words(str(path.relative_to(ROOT)), prose_in(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        '"""What the gateway was told."""',
        "# the order below is placed",
        'log.info("hook_told")',
        'f"{name} is owed {count}"',
    ],
)
def test_a_word_of_before_is_found_in_a_text(line):
    assert private_words("module", prose_in(line))


@pytest.mark.parametrize(
    "line", ['"""What was asked for, below zero."""', "# `heard` as stored", 'x = "sweep"']
)
def test_an_ordinary_word_is_no_private_one(line):
    assert not private_words("module", prose_in(line))


def test_no_test_is_named_by_a_word_of_before():
    names = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in (path.stem, *re.findall(r"def (test_\w+)", path.read_text()))
    }
    assert [name for name in sorted(names) if PRIVATE.search(name.replace("_", " "))] == []


def page_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a page, without code."""
    for code in (r"```.*?```", r"`[^`]*`"):
        text = re.sub(code, lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return list(enumerate(text.splitlines(), 1))


def test_no_page_has_a_word_of_before():
    """But for the glossary, which lists them, and the change log, which says what was."""
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    found = [
        hit
        for path in sorted(pages)
        if path.name not in ("glossary.md", "CHANGELOG.md")
        for hit in private_words(str(path.relative_to(ROOT)), page_lines(path.read_text()))
    ]
    assert found == []
