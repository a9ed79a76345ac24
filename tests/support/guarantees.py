"""What is promised, by number, and the tests that show it: `make guarantees` writes the page.

The sentences are in `docs/reference/guarantees.toml`; a test says which of them it shows by the
marker `guarantee`.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
REFERENCE = TESTS.parent / "docs" / "reference"
REGISTRY = REFERENCE / "guarantees.toml"
PAGE = REFERENCE / "guarantees.md"

HEAD = """\
# Guarantees

What oms-ledger promises, and the tests that show it (below `tests/`; `pytest --guarantee G23`
runs those of one). They run on SQLite and on PostgreSQL where they need a database. `make soak`
looks for what single tests do not find. This page is written by `make guarantees` from
`guarantees.toml` and the tests' markers.
"""


def groups() -> dict[str, dict[str, str]]:
    """By group the sentence of each number."""
    return {one["name"]: one["guarantees"] for one in tomllib.loads(REGISTRY.read_text())["groups"]}


@cache
def known() -> dict[str, tuple[str, ...]]:
    """By test, as `folder/file.py::Class::test`, the numbers of its guarantees."""
    return {
        name: numbers
        for file in sorted(TESTS.rglob("test_*.py"))
        for name, numbers in _tests_of(
            ast.parse(file.read_text()).body, file.relative_to(TESTS).as_posix()
        )
    }


def _tests_of(body: list[ast.stmt], place: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests_of(node.body, f"{place}::{node.name}")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            numbers = (
                str(ast.literal_eval(argument))
                for mark in marks
                if ast.unparse(mark.func) == "pytest.mark.guarantee"
                for argument in mark.args
            )
            yield f"{place}::{node.name}", tuple(numbers)


def page() -> str:
    """The page as it should be."""
    shown = defaultdict(list)
    for test, numbers in known().items():
        for number in numbers:
            shown[number].append(f"`{test}`")
    parts = [HEAD]
    for group, sentences in groups().items():
        parts.append(f"\n## {group}\n\n| | Guarantee | Shown by |\n|---|---|---|\n")
        parts += [
            f"| {number} | {sentence} | {'<br>'.join(shown[number])} |\n"
            for number, sentence in sentences.items()
        ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
