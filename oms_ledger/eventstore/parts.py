"""Takes parts out of a value of dictionaries and lists, and puts them back."""

from collections.abc import Iterator, Sequence
from typing import Any


def take(value: Any, paths: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Remove what is at the paths; as `[[step, …], part]`, empty parts left where they are."""
    taken = []
    for path in paths:
        for place in list(_places(value, path)):
            holder = _at(value, place[:-1])
            part = holder.get(place[-1]) if isinstance(holder, dict) else None
            if part:
                del holder[place[-1]]
                taken.append([place, part])
    return taken


def put(value: Any, taken: Sequence[Sequence[Any]]) -> None:
    """Put parts back where `take` took them from."""
    for place, part in reversed(taken):  # what was inside of another part was taken before it
        _at(value, place[:-1])[place[-1]] = part


def _at(value: Any, place: Sequence[Any]) -> Any:
    for step in place:
        value = value[step]
    return value


def _places(value: Any, path: Sequence[str]) -> Iterator[list[Any]]:
    """The places that a path stands for, as far as its value goes."""
    step, *rest = path
    if step == "*":
        for index, member in enumerate(value if isinstance(value, list) else ()):
            for place in _places(member, rest) if rest else ([],):
                yield [index, *place]
    elif isinstance(value, dict) and step in value:
        for place in _places(value[step], rest) if rest else ([],):
            yield [step, *place]
