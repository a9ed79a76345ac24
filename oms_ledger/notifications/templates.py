"""Templates of mails: the published part of Handlebars, interpreted, never compiled to code.

`{{a.b}}` is escaped, `{{{a}}}` is not. Blocks: `#if`, `#unless`, `#each`, `#eq a b`,
`#hasSubStr a 'x'`, each with `{{else}}`. Output and steps are bounded.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from html import escape
from typing import Any

from oms_ledger.decimal_numbers import decimal_number
from oms_ledger.time_zones import zone_or_utc

LARGEST, MOST_OUTPUT, MOST_STEPS, DEEPEST = 256 * 1024, 1024 * 1024, 200_000, 32


class TemplateError(Exception):
    """The template cannot be read, or does more than it may."""


@dataclass(frozen=True, slots=True)
class Call:
    """A path, or a function with its arguments; a quoted word is a `str` in `words`."""

    words: tuple["Word", ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a call: a name, or a text in quotes."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """`{{…}}` shows what a call gives; three braces leave it unescaped (`raw`)."""

    call: Call
    raw: bool


@dataclass(slots=True)
class Block:
    """`{{#name}} … {{else}} … {{/name}}`: its body, and what stands there otherwise."""

    name: str
    call: Call
    body: list["Node"] = field(default_factory=list)
    otherwise: list["Node"] = field(default_factory=list)


Node = str | Value | Block

_TAG = re.compile(r"\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\}")
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s\"']+)")
BLOCKS = ("if", "unless", "each", "eq", "hasSubStr")


@lru_cache(256)
def parsed(source: str) -> tuple[Node, ...]:
    """The nodes of a template; `TemplateError` says what is wrong with it."""
    if len(source) > LARGEST:
        raise TemplateError(f"longer than {LARGEST} characters")
    root: list[Node] = []
    open_blocks: list[tuple[Block, list[Node]]] = []
    into, at = root, 0
    for found in _TAG.finditer(source):
        if found.start() > at:
            into.append(source[at : found.start()])
        at = found.end()
        text = (found[1] if found[1] is not None else found[2]).strip()
        if (found[1] is None and text[:1] in ("!", "#", "/")) or text == "else":
            into = _block(text, into, open_blocks)
        elif text:
            into.append(Value(_call(text), raw=found[1] is not None))
    if at < len(source):
        into.append(source[at:])
    if open_blocks:
        raise TemplateError(f"#{open_blocks[-1][0].name} is not closed")
    return tuple(root)


def _block(text: str, into: list[Node], open_blocks: list[tuple[Block, list[Node]]]) -> list[Node]:
    """Where what follows a block's tag goes."""
    if text.startswith("!"):
        return into
    if text.startswith("#"):
        name, _, rest = text[1:].strip().partition(" ")
        if name not in BLOCKS:
            raise TemplateError(f"#{name[:40]} is unknown")
        if len(open_blocks) >= DEEPEST:
            raise TemplateError(f"blocks are nested deeper than {DEEPEST}")
        block = Block(name, _call(rest))
        into.append(block)
        open_blocks.append((block, into))
        return block.body
    if not open_blocks:
        raise TemplateError(f"{text[:40]} belongs to no block")
    block, outside = open_blocks[-1]
    if text == "else":
        return block.otherwise
    if text[1:].strip() != block.name:
        raise TemplateError(f"found {text[:40]}, expected /{block.name}")
    open_blocks.pop()
    return outside


def _call(text: str) -> Call:
    words = []
    for double, single, bare in _WORD.findall(text):
        quoted = not bare
        words.append(Word(bare if bare else double or single, quoted))
    if not words:
        raise TemplateError("a tag is empty")
    return Call(tuple(words))


@dataclass(slots=True)
class _Scope:
    this: Any
    index: int | None = None
    parent: "_Scope | None" = None


class _Renderer:
    def __init__(self, zone: tzinfo, html: bool) -> None:
        self._zone, self._html = zone, html
        self._texts: list[str] = []
        self._length = self._steps = 0

    def nodes(self, nodes: Sequence[Node], scope: _Scope) -> None:
        for node in nodes:
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise TemplateError(f"takes more than {MOST_STEPS} steps")
            match node:
                case str():
                    self._write(node)
                case Value(call, raw):
                    text = spelled(self._value(call, scope))
                    self._write(escape(text, quote=True) if self._html and not raw else text)
                case Block():
                    self._block(node, scope)

    def text(self) -> str:
        return "".join(self._texts)

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > MOST_OUTPUT:
            raise TemplateError(f"writes more than {MOST_OUTPUT} characters")
        self._texts.append(text)

    def _block(self, block: Block, scope: _Scope) -> None:
        words = block.call.words
        values = [self._word(word, scope) for word in words]
        match block.name:
            case "each":
                self._each(block, values[0], scope)
                return
            case "if":
                holds = truthy(values[0])
            case "unless":
                holds = not truthy(values[0])
            case "eq":
                holds = len(values) > 1 and spelled(values[0]) == spelled(values[1])
            case _:
                holds = len(values) > 1 and spelled(values[1]) in spelled(values[0])
        self.nodes(block.body if holds else block.otherwise, scope)

    def _each(self, block: Block, value: Any, scope: _Scope) -> None:
        members = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(members, list) or not members:
            self.nodes(block.otherwise, scope)
            return
        for index, member in enumerate(members):
            self.nodes(block.body, _Scope(member, index, scope))

    def _value(self, call: Call, scope: _Scope) -> Any:
        first, *rest = call.words
        function = FUNCTIONS.get(first.text) if not first.quoted else None
        if function is None:
            return self._word(first, scope)
        return function([self._word(word, scope) for word in rest], self._zone)

    def _word(self, word: Word, scope: _Scope) -> Any:
        if word.quoted:
            return word.text
        if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", word.text):
            return Decimal(word.text) if "." in word.text else int(word.text)
        if word.text in ("true", "false"):
            return word.text == "true"
        return self._path(word.text, scope)

    @staticmethod
    def _path(path: str, scope: _Scope) -> Any:
        while path.startswith("../"):
            scope, path = scope.parent or scope, path[3:]
        if path == "@index":
            return scope.index
        value = scope.this
        if path in ("this", "."):
            return value
        path = path.removeprefix("this.").removeprefix("./")
        for step in filter(None, path.replace("[", ".").replace("]", "").split(".")):
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and re.fullmatch(r"[0-9]{1,9}", step):
                value = value[int(step)] if int(step) < len(value) else None
            else:
                return None
        return value


def render(source: str, data: Mapping[str, Any], zone: str = "UTC", *, html: bool = True) -> str:
    """The template with data, escaped where it is HTML; times are in the zone."""
    renderer = _Renderer(zone_or_utc(zone), html)
    renderer.nodes(parsed(source), _Scope(data))
    return renderer.text()


def truthy(value: Any) -> bool:
    """What Handlebars takes for true: not null, false, 0, an empty text or an empty list."""
    return value not in (None, False, "", 0) and value != []


def spelled(value: Any) -> str:
    """A value as a template shows it; null is nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(spelled(member) for member in value)
        case dict():
            return "[object Object]"
        case _:
            return str(value)


# The published functions

Function = Callable[[list[Any], tzinfo], str]


def _cents(value: Any) -> Decimal | None:
    amount = decimal_number(value)
    return None if amount is None else amount / 100


def _decimal(value: Any, comma: bool) -> str:
    amount = _cents(value)
    if amount is None or abs(amount) > 10**15:
        return spelled(value)
    text = f"{amount:,.2f}"
    return text.translate(str.maketrans(",.", ".,")) if comma else text


def _multiplied(values: list[Any]) -> Any:
    first, second = (decimal_number(value) for value in (*values, None, None)[:2])
    return None if first is None or second is None else first * second


def _without_decimals(value: Any) -> str:
    amount = _cents(value)
    return spelled(value) if amount is None else f"{amount:.0f}"


def _at(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(value)))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _date(form: str, *, local: bool = False) -> Function:
    def function(values: list[Any], zone: tzinfo) -> str:
        at = _at(values[0]) if values else None
        if at is None:
            return spelled(values[0]) if values else ""
        try:
            return at.astimezone(zone if local else UTC).strftime(form)
        except OverflowError:
            return spelled(values[0])

    return function


def _replaced(values: list[Any]) -> str:
    """The text with each old part new, which may be longer than all that a message may be."""
    text, old, new = (spelled(value) for value in (*values, "", "", "")[:3])
    if len(values) != 3 or not old:
        return text
    if len(text) + text.count(old) * (len(new) - len(old)) > MOST_OUTPUT:
        raise TemplateError(f"writes more than {MOST_OUTPUT} characters")
    return text.replace(old, new)


def _first(values: list[Any]) -> Any:
    return values[0] if values else None


FUNCTIONS: Mapping[str, Function] = {
    "formatCurrency": lambda values, _: _decimal(_first(values), comma=True),
    "formatUSDCurrency": lambda values, _: _decimal(_first(values), comma=False),
    "formatCurrencyWithoutDecimals": lambda values, _: _without_decimals(_first(values)),
    "multiplyCurrency": lambda values, _: _decimal(_multiplied(values), comma=True),
    "formatDate": _date("%d/%m/%Y", local=True),
    "formatUSDate": _date("%m/%d/%Y", local=True),
    "formatDateTime": _date("%d/%m/%Y %H:%M:%S", local=True),
    "formatDateUtc": _date("%d/%m/%Y %H:%M:%S", local=True),
    "replace": lambda values, _: _replaced(values),
}
