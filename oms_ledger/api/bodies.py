"""Request bodies: strict JSON whatever the Content-Type, and models that name what is wrong."""

import json
import math
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from oms_ledger.api.errors import malformed

DEEPEST, LONGEST, LARGEST = 64, 1024 * 1024, 2**53

Model = TypeVar("Model", bound=BaseModel)


async def json_body(request: Request) -> Any:
    """The body as strict JSON, None when it is empty; a 400 that names the place otherwise."""
    raw = await request.body()
    if not raw.strip():
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise malformed(f"The body is no UTF-8 at byte {error.start}") from None
    _shallow(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise malformed(f"The body is no JSON: {error.msg} at {place}") from None
    except (RecursionError, ValueError) as error:
        raise malformed(f"The body is no JSON: {error}") from None
    return value


def _shallow(text: str) -> None:
    """Refuses nesting before a parser meets it: brackets outside of strings, in one pass."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth, inside, at = 0, False, 0
    while at < len(text):
        char = text[at]
        if inside:
            if char == "\\":
                at += 1
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > DEEPEST:
                raise malformed(f"The body is nested deeper than {DEEPEST} at character {at}")
        elif char in "]}":
            depth -= 1
        at += 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} stands twice in one object")
            seen.add(key)
    for key, value in pairs:
        if type(value) is str and len(value) > LONGEST:
            raise ValueError(f"{key}: a string longer than 1 MiB")
    return told


def _integer(text: str) -> int:
    if len(text) > 17 or abs(value := int(text)) > LARGEST:
        raise ValueError(f"the number {text[:40]} is beyond 2^53")
    return value


def _decimal(text: str) -> float:
    value = float(text)
    if math.isinf(value) or abs(value) > LARGEST:
        raise ValueError(f"the number {text[:40]} is beyond 2^53")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_decimal,
    parse_constant=_constant,
)


class Body(BaseModel):
    """Speaks camelCase to the world and snake_case to the code; ignores what it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def parse(model: type[Model], value: Any) -> Model:
    """The model of a body, or a 400 that names field, found and expected."""
    if not isinstance(value, dict):
        raise malformed(f"The body: found {_shown(value)}, expected an object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = []
        for problem in error.errors()[:3]:
            place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem["loc"])
            missing = problem["type"] == "missing"
            found = "nothing" if missing else _shown(problem["input"])
            problems.append(f"{place.lstrip('.')}: found {found}, expected: {problem['msg']}")
        raise malformed("; ".join(problems)) from None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _cents(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("an integer of cents, or a string of digits")
    if isinstance(value, str):
        if not value.strip().isascii() or not value.strip().lstrip("-").isdigit():
            raise ValueError("an integer of cents, or a string of digits")
        return int(value)
    return value


Cents = Annotated[int, BeforeValidator(_cents)]
