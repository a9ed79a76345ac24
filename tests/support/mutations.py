"""Real bodies with one part made wrong: what no client should send, and some do."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

WRONG: tuple[Any, ...] = (
    *(None, True, "", " ", "\x00", "a\x00b", "\u2028", "a\r\nb: c", "\U0001f600", "x" * 3000),
    *("../..", "%00", "١٢", "²", "NaN", "1e400", "9" * 400, "9" * 5000, "-1", "https://[::1"),
    *("sNaN", "1e999999", "1e-999999", "1e9999999999", "9" * 5000 + "d"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2026-02-30", "2026-01-01T99:99Z"),
    *(0, -1, 1, 2**31, 2**53, -(2**53), 1.5, 1e15, 1e-300),
    *([], [[]], [None], {}, {"": ""}, [{}], {"a": {"b": [1, "x"]}}, [0] * 300),
)
"""Values that stand in the place of another."""

RAW = (
    *(b"", b"null", b"[]", b"{}", b"0", b'"', b"[" * 100_000, b"\xff", b"\xef\xbb\xbf{}"),
    *(b'{"a":1,"a":2}', b"NaN", b"1e999", b'"\\ud800"', b"-", b"9" * 10_000, b'{"\\u0000":1}'),
    *(b'{"a":1e-99999999999999999999}', b'[{"a":0e99999999999999999999}]'),
)
"""Bodies that are wrong as a whole."""

Path = tuple[str | int, ...]


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a body, the whole of it first."""
    yield at
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*at, key))
    elif isinstance(value, list):
        for index, member in enumerate(value[:3]):
            yield from places(member, (*at, index))


def mutated(body: Any, random: Random, each: int) -> Iterator[tuple[str, Any]]:
    """The body with so many wrong values in each place, without it, and with it twice."""
    for at in places(body):
        for wrong in random.sample(WRONG, each):
            yield f"{at}: {wrong!r:.40}", _put(body, at, wrong)
        if at:
            yield f"{at}: left out", _without(body, at)
            if isinstance(at[-1], int):
                yield f"{at}: twice", _twice(body, at)


def _holder(body: Any, at: Path) -> Any:
    for step in at[:-1]:
        body = body[step]
    return body


def _put(body: Any, at: Path, value: Any) -> Any:
    if not at:
        return value
    made = copy.deepcopy(body)
    _holder(made, at)[at[-1]] = value
    return made


def _without(body: Any, at: Path) -> Any:
    made = copy.deepcopy(body)
    del _holder(made, at)[at[-1]]
    return made


def _twice(body: Any, at: Path) -> Any:
    made = copy.deepcopy(body)
    held = _holder(made, at)
    held.append(held[at[-1]])
    return made
