"""Request bodies: strict JSON whatever the Content-Type, and models that name what is wrong."""

import asyncio
import json
import math
import re
from decimal import Decimal
from itertools import zip_longest
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from oms_ledger.api.http.body_limits import LARGE, LargeBodies
from oms_ledger.api.http.errors import ApiError, bad_request, problems, shown
from oms_ledger.orders import amounts

DEEPEST, LONGEST, LARGEST = 64, 1024 * 1024, 2**53

Model = TypeVar("Model", bound=BaseModel)


async def json_body(request: Request) -> Any:
    """The body as strict JSON, None when it is empty; a 400 that names the place otherwise."""
    raw = await request.body()
    if len(raw) <= LARGE:
        return _read(raw)
    large: LargeBodies | None = request.scope["state"].get("large_bodies")
    parser = large.parser(len(raw)) if large else None
    return await asyncio.get_running_loop().run_in_executor(parser, _read, raw)


def read_json(raw: bytes, what: str) -> Any:
    """A JSON text inside a body, by the rules of bodies; `what` it is, for the 400."""
    try:
        return _read(raw)
    except ApiError as error:
        raise bad_request(f"{what}: {error.message}") from None


class _Wrong(Exception):
    """What is wrong; `path` grows from the inside out while the places above are left."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.path: list[str | int] = []


class _Twice:
    """Stands for an object that has a key twice, until its place is known."""

    def __init__(self, key: str) -> None:
        self.key = key


def _read(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_request(f"The body is no UTF-8 at byte {error.start}") from None
    if not text.strip():
        return None
    try:
        value = _DECODER.decode(text)
        _check(value, 0)
        if "\\u0000" in text:
            _check_nul(value)
    except _Wrong as wrong:
        raise bad_request(f"{_place(wrong.path)}: {wrong}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise bad_request(f"The body is no JSON: {error.msg} at {place}") from None
    except RecursionError:
        raise bad_request(f"{_too_deep(text)}: nested deeper than {DEEPEST}") from None
    return value


def _check(value: Any, depth: int) -> None:
    """Refuses what JSON can say and an order cannot hold; never deeper than `DEEPEST`."""
    kind = type(value)
    if kind is str:
        # An ASCII string of moderate length, nearly every one, needs no closer look.
        if len(value) > LONGEST // 4 or not value.isascii():
            _check_string(value)
    elif kind is dict or kind is list:
        if depth >= DEEPEST:
            raise _Wrong(f"nested deeper than {DEEPEST}")
        if value:
            _check_members(value, depth + 1)
    elif kind is int or kind is float:
        if not -LARGEST <= value <= LARGEST:  # NaN is on neither side
            raise _Wrong("NaN is no JSON number" if value != value else "a number beyond 2^53")
    elif kind is _Lost:
        raise _Wrong("a number with more digits than can be kept")
    elif kind is _Twice:
        raise _Wrong(f"the key {shown(value.key)} stands twice in one object")


def _check_members(value: dict[str, Any] | list[Any], depth: int) -> None:
    key: str | int = 0
    try:
        if type(value) is dict:
            for key, member in value.items():
                if len(key) > LONGEST // 4 or not key.isascii():
                    _check_string(key)
                _check(member, depth)
        else:
            for key, member in enumerate(value):  # noqa: B007 - given where it raises
                _check(member, depth)
    except _Wrong as wrong:
        wrong.path.append(key)
        raise


def _check_string(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _Wrong("half of a surrogate pair is no character") from None
    if size > LONGEST:
        raise _Wrong("a string longer than 1 MiB")


def _check_nul(value: Any) -> None:
    """Refuse a NUL character in any text or key: no database keeps it. Called where one may be."""
    kind = type(value)
    if kind is str and "\0" in value:
        raise _Wrong("a NUL character is in no text")
    if kind is dict or kind is list:
        for key, member in value.items() if kind is dict else enumerate(value):
            try:
                _check_nul(key)
                _check_nul(member)
            except _Wrong as wrong:
                wrong.path.append(key)
                raise


def _place(path: list[str | int]) -> str:
    """`items[0].price`; the innermost step comes first in `path`."""
    steps = [f"[{p}]" if isinstance(p, int) else f".{shown(p)[1:-1]}" for p in reversed(path)]
    return "".join(steps).lstrip(".") or "The body"


_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _too_deep(text: str) -> str:
    """Where the bracket too many stands. The parser has seen it, so all before it is JSON."""
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > DEEPEST:
            before = text[: token.start()]
            column = token.start() - before.rfind("\n")
            return f"line {before.count(chr(10)) + 1}, column {column}"
    return "The body"


def _object(pairs: list[tuple[str, Any]]) -> "dict[str, Any] | _Twice":
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    # In `given` a key keeps its first place, so the first to differ is one that came before.
    return _Twice(next(key for (key, _), once in zip_longest(pairs, fields) if key != once))


def _integer(text: str) -> int:
    # Longer ones are beyond the largest anyway, and reading them all takes quadratic time.
    return int(text) if len(text) < 20 else LARGEST + 1


class _Lost:
    """Stands for a number whose digits do not fit, until its place is known."""


def _number(text: str) -> "float | _Lost":
    """A float that is evaluated as whole, or nearly so, as the digits of the text are."""
    value = float(text)
    if len(text) < _EXACT or not value or not abs(value) <= LARGEST:
        return value
    exact = Decimal(text)
    nearest = exact.to_integral_value()
    expected = int(nearest) if abs(exact - nearest) < amounts.FORGIVEN else None
    beside = (math.nextafter(value, math.inf), math.nextafter(value, -math.inf))
    fields = (value, *beside) if not value.is_integer() or exact == nearest else (*beside, value)
    return next((one for one in fields if amounts.cents(one) == expected), _Lost())


_EXACT = 17  # characters: a shorter number is printed as it was read

_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_number)


class Body(BaseModel):
    """Speaks camelCase to the world and snake_case to the code; ignores what it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def parse(model: type[Model], value: Any) -> Model:
    """The model of a body, or a 400 that names field, found and expected."""
    if not isinstance(value, dict):
        found = "nothing" if value is None else shown(value)
        raise bad_request(f"The body: found {found}, expected an object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise bad_request(
            problems(error.errors(include_url=False, include_context=False))
        ) from None


def _cents(value: Any) -> Any:
    """19.0 is 19: they are the same in JSON, and clients write what their language prints."""
    amount = amounts.cents(value, text=True)
    if amount is None:
        raise ValueError("an integer of cents, or a string of digits")
    return amount


def _count(value: Any) -> Any:
    number = amounts.count(value, text=True)
    if number is None:
        raise ValueError("a whole number, or a string of digits")
    return number


Cents = Annotated[int, BeforeValidator(_cents)]
Count = Annotated[int, BeforeValidator(_count)]
"""Units, an index, or how many installments."""
