"""The page of guarantees names tests that there are, and each guarantee is shown by one."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reference" / "guarantees.md"


@cache
def rows() -> dict[str, list[str]]:
    """By guarantee the tests that the page names."""
    lines = re.findall(r"^\| (G\d+) \|(.*)$", PAGE.read_text(), re.MULTILINE)
    return {number: re.findall(r"`([^`]+::[^`]+)`", rest) for number, rest in lines}


@cache
def known() -> set[str]:
    return {name for file in TESTS.rglob("test_*.py") for name in _of(file)}


def _of(file: Path) -> Iterator[str]:
    place = file.relative_to(TESTS).as_posix()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name.startswith("test_"):
                    yield f"{place}::{node.name}::{method.name}"
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{place}::{node.name}"


def numbers(name: str) -> list[str]:
    return re.findall(r"G\d+(?=_)", name.rpartition("::")[2])


def test_every_test_of_the_page_is_there_and_carries_the_number_of_its_row():
    for guarantee, named in rows().items():
        assert named, guarantee
        assert set(named) <= known(), guarantee
        assert all(guarantee in numbers(name) for name in named), guarantee


def test_the_page_has_every_guarantee_that_a_test_shows():
    assert {number for name in known() for number in numbers(name)} == set(rows())
