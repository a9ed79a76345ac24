"""The functions that could make much out of little, or search for ever, in one step; guarded."""

import re
from collections.abc import Iterator
from copy import copy
from decimal import Decimal
from functools import partial
from inspect import signature
from typing import Any

from jsonata.functions import Functions  # type: ignore[import-untyped]
from jsonata.jexception import JException  # type: ignore[import-untyped]
from jsonata.jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

from oms_ledger.jsonata.bounds import PICTURE, STRING
from oms_ledger.jsonata.metering import running
from oms_ledger.jsonata.patterns import parse_datetime


class _Guards:
    """The functions that could make much out of little, or search for ever, in one step.

    `contains` and `string` are here because the engine answers them otherwise than JSONata says.
    """

    @staticmethod
    def contains(text: Any, part: Any) -> Any:
        return None if part is None else Functions.contains(text, part)

    @staticmethod
    def string(value: Any, prettify: Any) -> Any:
        return text_of(value, prettify)

    @staticmethod
    def pad(text: Any, width: Any, char: Any) -> Any:
        if isinstance(width, int | float) and abs(width) > STRING:
            running().strike("size")
        return Functions.pad(text, width, char)

    @staticmethod
    def join(texts: Any, separator: Any) -> Any:
        if texts is not None:
            between = len(separator or "") * len(texts)
            if between + sum(len(text) for text in texts) > STRING:
                running().strike("size")
        return Functions.join(texts, separator)

    @staticmethod
    def distinct(values: Any) -> Any:
        if not isinstance(values, list) or len(values) <= 1:
            return values
        scalars: set[Any] = set()
        different: list[Any] = Utils.create_sequence() if Utils.is_sequence(values) else []
        containers: list[Any] = []
        for value in values:
            if isinstance(value, list | dict):
                running().spend(len(containers) >> 2)
                if any(Utils.is_deep_equal(value, other) for other in containers):
                    continue
                containers.append(value)
            elif (key := (isinstance(value, bool), value)) in scalars:
                continue
            else:
                scalars.add(key)
            different.append(value)
        return different

    @staticmethod
    def replace(text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
        if text is None:
            return None
        if pattern == "":
            raise JException("D3010", -1)
        if limit is not None and limit < 0:
            raise JException("D3011", -1)
        found = _places(text, pattern) if isinstance(pattern, str) else _matches(text, pattern)
        pieces: list[str] = []
        position = length = 0
        for count, (start, end, groups) in enumerate(found):
            if limit is not None and count >= limit:
                break
            piece = _replaced(text[start:end], start, groups, replacement)
            pieces += [text[position:start], piece]
            length += start - position + len(piece)
            if length > STRING:
                running().strike("size")
            position = end
        return "".join(pieces) + text[position:]

    @staticmethod
    def format_number(value: Any, picture: Any, options: Any) -> Any:
        return Functions.format_number(value, _picture(picture), _signs(options))

    @staticmethod
    def format_integer(value: Any, picture: Any) -> Any:
        if isinstance(value, int | float) and abs(value) >= 10**21:
            raise JException("The number is too large to be formatted as an integer", -1)
        return Functions.format_integer(value, _picture(picture))

    @staticmethod
    def parse_integer(text: Any, picture: Any) -> Any:
        return Functions.parse_integer(_short(text), _picture(picture))

    @staticmethod
    def from_millis(millis: Any, picture: Any, timezone: Any) -> Any:
        return Functions.datetime_from_millis(millis, _picture(picture), _short(timezone))

    @staticmethod
    def to_millis(text: Any, picture: Any) -> Any:
        if text is None or picture is None:
            return Functions.datetime_to_millis(_short(text), None)
        return parse_datetime(_short(text), _picture(picture))

    @staticmethod
    def now(picture: Any, timezone: Any) -> Any:
        return Functions.now(_picture(picture), _short(timezone))


def text_of(value: Any, prettify: Any = None) -> Any:
    """A value as `$string` casts it; whole numbers have all their digits."""
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if number.is_integer() and abs(number) < 1e21:
            return f"{Decimal(repr(number + 0.0)):f}".removesuffix(".0")
    return Functions.string(value, prettify)


def _short(text: Any) -> Any:
    if isinstance(text, str) and len(text) > PICTURE:
        raise JException(f"A date or a number of more than {PICTURE} characters", -1)
    return text


def _picture(text: Any) -> Any:
    if isinstance(text, str) and (len(text) > PICTURE or re.search(r"[,-]\s*\d{4,}", text)):
        raise JException("The picture is too long, or asks for too wide a number", -1)
    return text


SIGNS = {
    "decimal-separator", "digit", "exponent-separator", "grouping-separator", "pattern-separator",
    "zero-digit",
}  # fmt: skip


def _signs(options: Any) -> Any:
    """The options of `$formatNumber`; of signs the engine makes patterns: one character each."""
    for name, sign in options.items() if isinstance(options, dict) else ():
        longest = 1 if name in SIGNS else PICTURE
        if not isinstance(sign, str) or not 1 <= len(sign) <= longest:
            raise JException(f"The option {name[:60]} of $formatNumber is too long", -1)
    return options


Place = tuple[int, int, tuple[str | None, ...] | None]


def _places(text: str, part: str) -> Iterator[Place]:
    start = text.find(part)
    while start >= 0:
        yield start, start + len(part), None
        start = text.find(part, start + len(part))


def _matches(text: str, pattern: Any) -> Iterator[Place]:
    for found in pattern.finditer(text):
        if not found.group():
            raise JException("D1004", -1)
        yield found.start(), found.end(), found.groups()


def _replaced(
    part: str, start: int, groups: tuple[str | None, ...] | None, replacement: Any
) -> str:
    if isinstance(replacement, str):
        return replacement if groups is None else _filled_in(replacement, part, groups)
    match = {
        "match": part,
        "start": start,
        "end": start + len(part),
        "groups": list(groups or ()),
    }
    piece = Functions.func_apply(replacement, [match])
    if not isinstance(piece, str):
        raise JException("D3012", -1)
    return piece


def _filled_in(template: str, part: str, groups: tuple[str | None, ...]) -> str:
    """The replacement with `$0`, `$1`, … filled in; `$$` is a dollar."""

    def reference(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("$", "0"):
            return "$" if name == "$" else part
        for length in range(min(len(str(len(groups))), len(name)), 0, -1):
            if int(name[:length]) <= len(groups) or length == 1:
                break
        number = int(name[:length])
        filling = groups[number - 1] if 0 < number <= len(groups) else ""
        return (filling or "") + name[length:]

    return re.sub(r"\$(\$|0|[0-9]+)", reference, template)


GUARDS = {
    "contains": "contains",
    "distinct": "distinct",
    "formatInteger": "format_integer",
    "formatNumber": "format_number",
    "fromMillis": "from_millis",
    "join": "join",
    "now": "now",
    "pad": "pad",
    "parseInteger": "parse_integer",
    "replace": "replace",
    "string": "string",
    "toMillis": "to_millis",
}


def _functions() -> Any:
    """The engine's functions, the dangerous ones guarded, none of them taking null for nothing."""
    frame = Jsonata.Frame(Jsonata.static_frame)
    for name, function in Jsonata.static_frame.bindings.items():
        ours = copy(function)
        if name in GUARDS:
            ours.method = getattr(_Guards, GUARDS[name])
            ours.nargs = len(signature(ours.method).parameters)
        ours.signature = copy(function.signature)
        ours.signature.get_symbol = partial(_symbol, function.signature)
        frame.bind(name, ours)
    return frame


def _symbol(of: Any, value: Any) -> str:
    """The type of an argument, as signatures abbreviate it."""
    symbol: str = "l" if value is Utils.NULL_VALUE else of.get_symbol(value)
    return symbol


FUNCTIONS = _functions()
