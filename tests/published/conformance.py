"""Whether answers are as published: status, shape and types, but for the listed deviations.

Every answer that the tests get from the web application passes through `problems`. Operations
that nobody published are not looked at; refusals have one published shape everywhere.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tests.published.deviations import (
    EMPTY,
    MISTYPED,
    NULLABLE,
    OMITTED,
    REFUSED_SO,
    SHAPED_AS,
    STATUSES,
)


@dataclass(frozen=True)
class Operation:
    """A published operation; `answers` are schemas by status, None for one without a body."""

    method: str
    path: str
    requests: tuple[Any, ...]
    answers: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@cache
def operations() -> dict[str, Operation]:
    published = json.loads((Path(__file__).parent / "operations.json").read_text())
    found = [
        Operation(one["method"], one["path"], tuple(one["requests"]), one["answers"])
        for one in published
    ]
    return {operation.name: operation for operation in found}


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], Operation]]:
    """Literal paths come before those with a parameter in the same place."""
    ordered = sorted(operations().values(), key=lambda one: one.path.replace("{", "~"))
    return [
        (one.method, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", one.path) + "/?"), one)
        for one in ordered
    ]


def operation_of(method: str, path: str) -> Operation | None:
    for its_method, pattern, operation in _patterns():
        if its_method == method and pattern.fullmatch(path):
            return operation
    return None


@cache
def _validator(name: str, status: str) -> Draft202012Validator | None:
    schema = operations()[name].answers.get(status)
    return None if schema is None else Draft202012Validator(schema)


def problems(method: str, path: str, status: int, body: bytes) -> list[str]:
    """What an answer has that was not published; [] when it is as published, or not ours to say."""
    operation = operation_of(method, path)
    if operation is None:
        return []
    if status >= 400 and status != 428:  # 428 is no refusal: it says where to go first
        return [] if (operation.name, status) in REFUSED_SO else _refusal(body)
    if not body and operation.name in EMPTY:
        return []
    its_status = STATUSES.get((operation.name, str(status)), str(status))
    if its_status is None:
        return [f"{operation.name}: a body was not published"] if body else []
    if its_status not in operation.answers:
        return [f"{operation.name}: {status} was not published"]
    validator = _validator(operation.name, its_status)
    if validator is None:
        return []
    return list(_differences(operation.name, validator, json.loads(body)))


def _refusal(body: bytes) -> list[str]:
    answer = json.loads(body)
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict) or set(error) != {"code", "message", "exception"}:
        return [f"a refusal has another shape: {answer}"]
    if not isinstance(error["code"], str) or not isinstance(error["message"], str):
        return [f"code and message of a refusal are texts: {error}"]
    return []


def _differences(name: str, validator: Draft202012Validator, found: Any) -> Iterator[str]:
    for error in validator.iter_errors(found):
        for one in _leaves(error):
            place = _place(one)
            known = OMITTED if one.validator == "required" else MISTYPED
            if one.validator == "required":
                missing = re.match(r"'([^']+)'", one.message)
                place = f"{place}.{missing[1]}".lstrip(".") if missing else place
            if unsaid(one) and name in NULLABLE:
                continue
            if not _listed(known, name, place):
                yield f"{name}: {place or 'the body'}: {one.message[:160]}"


def unsaid(error: ValidationError) -> bool:
    """Whether a text or number is null because nothing was said of it."""
    if error.instance is not None or error.validator not in ("type", "enum"):
        return False
    named = error.schema.get("type") if isinstance(error.schema, dict) else None
    types = {named} if isinstance(named, str) else set(named or ())
    return bool(types) and not types & {"object", "array", "boolean"}


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    if not error.context:
        yield error
    for one in error.context or ():
        yield from _leaves(one)


def _place(error: ValidationError) -> str:
    steps = ("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return "".join(steps).lstrip(".")


def _listed(known: dict[str, dict[str, str]], name: str, place: str) -> bool:
    """Whether the place, or a part of the answer around it, is listed."""
    listed = list(known.get(name, ()))
    for before, document in SHAPED_AS.get(name, {}).items():
        listed += [before + one for one in known.get(document, ())]
    return any(place == one or place.startswith((f"{one}.", f"{one}[]")) for one in listed)
