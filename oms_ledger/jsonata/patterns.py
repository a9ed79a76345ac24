"""Regular expressions that stop searching when the time of the evaluation is up."""

import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import regex  # type: ignore[import-untyped]
from jsonata.datetimeutils import DateTimeUtils  # type: ignore[import-untyped]

from oms_ledger.jsonata.metering import running


class Pattern:
    """A regular expression that stops searching when the time of the evaluation is up."""

    def __init__(self, pattern: str, flags: Any) -> None:
        self.text = pattern
        self.multiline = bool(flags.multiline)
        case = regex.IGNORECASE if flags.case_insensitive else 0
        self.pattern = regex.compile(pattern, case | (regex.MULTILINE if flags.multiline else 0))

    def search(self, text: str) -> Any:
        try:
            return self.pattern.search(text, timeout=running().time_left())
        except TimeoutError:
            running().strike("time")

    def finditer(self, text: str) -> Iterator[Any]:
        try:
            for found in self.pattern.finditer(text, timeout=running().time_left()):
                running().spend(1 + (sum(map(len, found.groups(""))) >> 10))
                yield found
        except TimeoutError:
            running().strike("time")

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        parts, position = [], 0
        for found in self.finditer(text):
            parts.append(text[position : found.start()])
            position = found.end()
            if len(parts) == maxsplit:
                break
        return [*parts, text[position:]]

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        raise NotImplementedError("$replace is ours.")


class _TimedRe:
    """Stands in for the module `re` where the engine builds a pattern out of a picture."""

    IGNORECASE = re.IGNORECASE

    @staticmethod
    def compile(pattern: str, flags: int) -> Any:
        return Pattern(pattern, _CaseInsensitive)


class _CaseInsensitive:
    case_insensitive = True
    multiline = False


parse_datetime = FunctionType(
    DateTimeUtils.parse_datetime.__code__,
    {**DateTimeUtils.parse_datetime.__globals__, "re": _TimedRe},
)
