"""What is promised, what is tried, and the tests that show it: `make guarantees` writes both pages.

The sentences are in `docs/reference/guarantees.toml`; a test says which of them it shows by the
marker `guarantee`.
"""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
REFERENCE = TESTS.parent / "docs" / "reference"
REGISTRY = REFERENCE / "guarantees.toml"
PAGE = REFERENCE / "guarantees.md"
ATTACKS = REFERENCE / "attacks.toml"
ATTACKS_PAGE = ATTACKS.with_suffix(".md")

HEAD = """\
# Guarantees

What oms-ledger promises, and the tests that show it (below `tests/`; `pytest --guarantee G23`
runs those of one). They run on SQLite and on PostgreSQL where they need a database. `make soak`
looks for what single tests do not find. This page is written by `make guarantees` from
`guarantees.toml` and the tests' markers.
"""


ATTACKS_HEAD = """\
# Attacks

What is tried against a deployment, kind by kind, what happens, and the tests that hold it (below
`tests/`). This page is written by `make guarantees` from `attacks.toml`.
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


def kinds() -> list[dict[str, Any]]:
    """Kinds of attacks: `name`, and `rows` with `tried`, `answer`, `tests`."""
    found: list[dict[str, Any]] = tomllib.loads(ATTACKS.read_text())["kinds"]
    return found


def attacks_page() -> str:
    """The page of attacks as it should be."""
    parts = [ATTACKS_HEAD]
    for kind in kinds():
        parts.append(f"\n## {kind['name']}\n\n| Tried | What happens | Held by |\n|---|---|---|\n")
        for row in kind["rows"]:
            tests = "<br>".join(f"`{test}`" for test in row["tests"])
            parts.append(f"| {row['tried']} | {row['answer']} | {tests} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
    ATTACKS_PAGE.write_text(attacks_page())
