"""Regular expressions by RE2: bounded before they are compiled, and linear in what they search.

The text of a pattern is checked when the expression is parsed, and compiled only when an
evaluation reaches it, inside its meter. A process keeps 128 compiled patterns of `MEMORY` bytes
each at most, whatever number of patterns anybody sends.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from types import FunctionType
from typing import Any

import re2
from jsonata.datetimeutils import DateTimeUtils  # type: ignore[import-untyped]

from oms_ledger.jsonata.bounds import GROUPS, MEMORY, PATTERN, REPEATS
from oms_ledger.jsonata.errors import ExpressionError
from oms_ledger.jsonata.metering import running


class Pattern:
    """A regular expression of an anonymous caller; it is refused here when its text is out of
    bounds.
    """

    def __init__(self, pattern: str, flags: Any) -> None:
        require_bounded(pattern)
        self.text = pattern
        self.multiline = bool(flags.multiline)
        self._flags = ("i" if flags.case_insensitive else "") + ("m" if flags.multiline else "")

    def compiled(self) -> tuple[Any, int]:
        """The pattern of RE2 and the size of its program.

        `ExpressionError` for what RE2 cannot do, or not in its memory.
        """
        try:
            return _compiled(self._flags, self.text)
        except re2.error as error:
            cause = error.args[0] if error.args else error
            reason = cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)
            raise ExpressionError(f"The pattern /{self.text[:60]}/: {reason}.") from None

    def search(self, text: str) -> Any:
        """The first match; None for none."""
        return next(self._found(text), None)

    def finditer(self, text: str) -> Iterator[Any]:
        """The matches, each counted as steps of the evaluation."""
        for found in self._found(text):
            running().spend(1 + (sum(map(len, found.groups(""))) >> 10))
            yield found
            running().time_left()

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        """The text between matches; with `maxsplit`, that many pieces."""
        parts, position = [], 0
        for found in self.finditer(text):
            parts.append(text[position : found.start()])
            position = found.end()
            if len(parts) == maxsplit:
                break
        return [*parts, text[position:]]

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        """Not used: `$replace` counts what it makes."""
        raise NotImplementedError("$replace is ours.")

    def _found(self, text: str) -> Iterator[Any]:
        """The matches; what one search may cost at most is spent before it begins."""
        meter = running()
        meter.time_left()
        pattern, size = self.compiled()
        meter.spend((size >> 6) + (len(text) * size >> 10))
        meter.time_left()
        if not text.isascii():
            text = text.encode(errors="replace").decode()  # halves of surrogate pairs
        matches: Iterator[Any] = pattern.finditer(text)
        return matches


@lru_cache(maxsize=128)
def _compiled(flags: str, text: str) -> tuple[Any, int]:
    pattern = re2.compile((f"(?{flags})" if flags else "") + _for_re2(text), _OPTIONS)
    return pattern, pattern.programsize


def require_bounded(pattern: str) -> None:
    """Refuse a pattern that is long, repeats repeats, or has many groups: nothing is compiled."""
    if len(pattern) > PATTERN:
        raise ExpressionError(f"A pattern is longer than {PATTERN} characters.")
    groups, repeats = _groups_and_repeats(pattern)
    if groups > GROUPS:
        raise ExpressionError(f"A pattern has more than {GROUPS} groups.")
    if repeats > REPEATS:
        raise ExpressionError(f"A pattern asks for more than {REPEATS} repetitions, one in other.")


# One escaped character, one class of characters, one bounded repeat, or one character.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)


def _groups_and_repeats(pattern: str) -> tuple[int, int]:
    """How many groups there are, and the largest product of repeats that stand in each other."""
    groups, last, inside = 0, 1, [1]
    for part in _PARTS.finditer(pattern):
        if part[1] is not None:
            last *= max(int(part[1]), int(part[2] or 0), 1)
        elif part[0] == "(":
            groups += 1
            inside.append(1)
            last = 1
        elif part[0] == ")" and len(inside) > 1:
            last = inside.pop()
        elif part[0] not in ("?", "*", "+"):
            last = 1
        inside[-1] = max(inside[-1], last)
    return groups, max(inside)


_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)


def _for_re2(pattern: str) -> str:
    r"""The pattern as RE2 writes it: `\u00e9` is `\x{00e9}` there."""
    return _ESCAPED.sub(lambda part: f"\\x{{{part[1]}}}" if part[1] else part[0], pattern)


def _options() -> Any:
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    return options


_OPTIONS = _options()


class PicturePattern(Pattern):
    """A regular expression of the engine's; it is as long as the picture it is made of has it."""

    def __init__(self, pattern: str) -> None:
        self.text, self.multiline, self._flags = pattern, False, "i"


class _BoundedRe:
    """Stands in for the module `re` where the engine builds a pattern out of a picture."""

    IGNORECASE = re.IGNORECASE

    @staticmethod
    def compile(pattern: str, flags: int) -> Any:
        return PicturePattern(pattern)


parse_datetime = FunctionType(
    DateTimeUtils.parse_datetime.__code__,
    {**DateTimeUtils.parse_datetime.__globals__, "re": _BoundedRe},
)
