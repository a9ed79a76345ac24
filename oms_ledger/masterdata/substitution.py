"""`{!path}` in the texts of an action: what stands in the document takes its place.

A text that is one expression becomes the value with its type. Inside a text the value is written
out. What is not of this form stays, and what was put in is never looked at again.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

_STEP = r"[^\s{}!.\[\]]+"
_PATH = rf"{_STEP}(?:\.{_STEP}|\[\d{{1,6}}\])*"
_EXPRESSION = re.compile(r"\{!(" + _PATH + r")\}")
_BRACES = re.compile(r"\{![^}]*\}")
_STEPS = re.compile(rf"\[(\d+)\]|({_STEP})")

Spell = Callable[[str], str]


def single_expression(text: str) -> str | None:
    """The path of a text that is one expression and nothing else."""
    found = _EXPRESSION.fullmatch(text)
    return found[1] if found else None


def substitute(template: Any, document: Any, spell: Spell = str) -> Any:
    """The template with the document's values; `spell` is what a value in a text goes through."""
    match template:
        case str():
            return _text(template, document, spell)
        case list():
            return [substitute(member, document, spell) for member in template]
        case dict():
            return {name: substitute(value, document, spell) for name, value in template.items()}
        case _:
            return template


def substitute_text(template: str, document: Any, spell: Spell = str) -> str:
    """As `substitute`, and always a text."""

    def put_in(found: re.Match[str]) -> str:
        path = single_expression(found[0])
        return found[0] if path is None else spell(spelled(value_at(document, path)))

    return _BRACES.sub(put_in, template)


def _text(template: str, document: Any, spell: Spell) -> Any:
    if path := single_expression(template):
        return value_at(document, path)
    return substitute_text(template, document, spell)


def spelled(value: Any) -> str:
    """A value inside a text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return orjson.dumps(value).decode()


@lru_cache(4096)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(index) if index else name for index, name in _STEPS.findall(path))


def value_at(document: Any, path: str) -> Any:
    """The value at a path; each name as it is spelled, else without case. None where none is.

    A leading `order.` is dropped where the document has no such field.
    """
    steps = _steps(path)
    if steps[0] == "order" and len(steps) > 1 and _member(document, "order") is _NOTHING:
        steps = steps[1:]
    value = document
    for step in steps:
        value = _member(value, step)
        if value is _NOTHING:
            return None
    return value


_NOTHING = object()


def _member(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    if step in value:
        return value[step]
    wanted = step.casefold()
    return next((value[name] for name in value if name.casefold() == wanted), _NOTHING)
