"""Every operation of published files with a test that calls it: `make operations` writes the page.

The rows are in `docs/reference/operations.toml`, the lists of the files in
`tests/published/files.json`. While a test of a row runs, its calls are noted, and those that
partners get (`tests.support.outsider`): a test that does not call the operation of its row, or has
it sent where the row says `sent`, fails.
"""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
REGISTRY = TESTS.parent / "docs" / "reference" / "operations.toml"
PAGE = REGISTRY.with_suffix(".md")

HEAD = """\
# Operations

The operations of published files, and a test of each (below `tests/`). A test that does not call
the operation of its row fails. *Sent* says that we call it at [partners](partners.md): then the
test fails when no partner gets it over HTTP. This page is written by `make operations` from
`operations.toml`.
"""
SENT = "sent "
"""Before an operation that we send."""

_noted: list[tuple[str, str]] | None = None


@cache
def published() -> dict[str, list[str]]:
    """By published file its operations, as `METHOD /path/{parameter}`."""
    files: dict[str, list[str]] = json.loads((TESTS / "published" / "files.json").read_text())
    return files


@cache
def rows() -> dict[str, dict[str, dict[str, Any]]]:
    """By published file and operation: `test`, `answer` when it is not offered, `sent` when we call
    it.
    """
    return tomllib.loads(REGISTRY.read_text())


@cache
def shown_by() -> dict[str, frozenset[str]]:
    """By test, as `folder/file.py::test`, the operations of its rows."""
    found: dict[str, set[str]] = defaultdict(set)
    for operations in rows().values():
        for operation, row in operations.items():
            found[row["test"]].add(SENT + operation if row.get("sent") else operation)
    return {test: frozenset(operations) for test, operations in found.items()}


def due(test: str, parameters: dict[str, Any]) -> frozenset[str]:
    """The operations that a run of a test has to call: the one it is given, or all of its rows."""
    operations = shown_by().get(test, frozenset())
    given = {value for value in parameters.values() if isinstance(value, str) and " /" in value}
    return operations & given if given else operations


def note(method: str, path: str) -> None:
    """Note a call, when the test that is running has rows."""
    if _noted is not None:
        _noted.append((method, path))


def note_sent(method: str, path: str) -> None:
    """Note a call that a partner got, whatever stands before the published path and after it."""
    note(SENT + method, path.partition("?")[0])


@contextmanager
def calling(operations: frozenset[str]) -> Iterator[None]:
    """Fail unless each of the operations is called inside."""
    global _noted
    _noted = []
    try:
        yield
        called = _noted
    finally:
        _noted = None
    missing = {operation for operation in operations if not any(_is(operation, c) for c in called)}
    assert not missing, f"docs/reference/operations.toml says that this calls {sorted(missing)}"


def _is(operation: str, call: tuple[str, str]) -> bool:
    method, _, path = operation.rpartition(" ")
    before = ".*" if method.startswith(SENT) else ""
    pattern = before + re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path))
    return method == call[0] and re.fullmatch(f"{pattern}/?", call[1], re.IGNORECASE) is not None


def page() -> str:
    """The page as it should be."""
    parts = [HEAD]
    for file, operations in rows().items():
        parts.append(f"\n## {file}\n\n| Operation | Answer | Test |\n|---|---|---|\n")
        parts += [
            f"| `{operation}` | {'sent' if row.get('sent') else row.get('answer', '')} "
            f"| `{row['test']}` |\n"
            for operation, row in operations.items()
        ]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
