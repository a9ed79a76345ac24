"""Jinja environments, one per language: escaped always, and no variable may be missing."""

import json
from collections.abc import Callable
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from babel.support import NullTranslations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

from oms_ledger.backoffice.cells import Cells
from oms_ledger.backoffice.escaping import escaped
from oms_ledger.backoffice.formats import LOCALES, filters
from oms_ledger.backoffice.static_files import url_of
from oms_ledger.backoffice.translations import LANGUAGES, translations
from projections.subscriptions import registry

TEMPLATES = str(files("oms_ledger.backoffice").joinpath("templates"))


@lru_cache(8192)
def segment(text: Any) -> str:
    """A path segment, encoded."""
    return quote(str(text), safe="")


def as_data(value: Any) -> str:
    """A value for a `data-` attribute that the script reads."""
    return json.dumps(value, ensure_ascii=False)


class _Escaping(CodeGenerator):
    """Writes templates that escape by `escaped`."""

    def _output_child_pre(self, _: nodes.Expr, frame: Frame, finalize: Any) -> None:
        assert frame.eval_ctx.autoescape
        assert not frame.eval_ctx.volatile
        assert finalize.src is None
        self.write("environment.escaped(")


class _Constant(NodeTransformer):
    """Puts what `_("…")` and `icon("…")` say in their place, once when a template is compiled."""

    def __init__(self, made: "_InOneLanguage") -> None:
        self._made = made

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        match node:
            case nodes.Call(
                node=nodes.Name(name=name), args=[nodes.Const(value=str(text))], kwargs=[]
            ):
                if name == "_":
                    return nodes.Const(self._made.gettext(text) % {}, lineno=node.lineno)
                if name == "icon":
                    return nodes.TemplateData(str(self._made.part("icon", text)))
        return node


class _InOneLanguage(Environment):
    """Templates whose texts are those of one language."""

    code_generator_class = _Escaping
    escaped = staticmethod(escaped)
    gettext: Callable[[str], str]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        return _Constant(self).visit(tree)  # type: ignore[no-any-return]

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of a document, without the look for an attribute that a dict cannot have."""
        if type(obj) is dict and attribute not in _OF_DICTS:
            found = obj.get(attribute, _MISSING)
            return self.undefined(obj=obj, name=attribute) if found is _MISSING else found
        return super().getattr(obj, attribute)

    def part(self, name: str, *values: Any) -> Any:
        """A part that is the same wherever it stands."""
        return getattr(self.get_template(f"{name}.html").module, name)(*values)

    def cell(self, name: str) -> Any:
        """The macro of a cell."""
        return getattr(self.get_template("cells.html").module, name)


_OF_DICTS, _MISSING = frozenset(dir(dict)), object()


def button(texts: NullTranslations, text: str) -> str:
    """What a button does, where the text is also the name of a thing (an invoice; to invoice)."""
    found = str(texts.pgettext("button", text))
    return texts.gettext(text) if found == text else found


@cache
def environment(language: str) -> Environment:
    """The templates in one language, compiled once a process."""
    made = _InOneLanguage(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    fields = translations(language)
    made.gettext = fields.gettext
    made.install_gettext_callables(fields.gettext, fields.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(filters(language), segment=segment, as_data=as_data)
    drawn = lru_cache(512)(made.part)
    cells = Cells(made.cell)
    made.filters.update(order_row=cells.order_row, event_row=cells.event_row)
    made.globals.update(
        icon=partial(drawn, "icon"),
        status=partial(drawn, "status"),
        nav=partial(drawn, "nav"),
        document_head=partial(drawn, "document_head"),
        sprite=partial(drawn, "sprite"),
        script_words=partial(drawn, "script_words"),
        permits=registry.permits,
        button=partial(button, fields),
        static=url_of,
        languages=LANGUAGES,
        locales=LOCALES,
        zip=zip,
    )
    return made
