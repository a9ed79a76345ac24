"""Jinja environments, one per language: escaped always, and no variable may be missing."""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from oms_ledger.backoffice.formats import FILTERS, LOCALES
from oms_ledger.backoffice.static_files import url_of
from oms_ledger.backoffice.translations import LANGUAGES, translations

TEMPLATES = str(files("oms_ledger.backoffice").joinpath("templates"))


def segment(text: Any) -> str:
    """A path segment, encoded."""
    return quote(str(text), safe="")


def as_data(value: Any) -> str:
    """A value for a `data-` attribute that the script reads."""
    return json.dumps(value, ensure_ascii=False)


def total_of(rows: Iterable[Any], name: str) -> int:
    return sum(row.get(name) or 0 for row in rows)


@cache
def environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    fields = translations(language)
    made.install_gettext_callables(fields.gettext, fields.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(FILTERS, segment=segment, as_data=as_data)
    made.globals.update(
        static=url_of, total_of=total_of, languages=LANGUAGES, locales=LOCALES, zip=zip
    )
    return made
