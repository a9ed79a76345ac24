"""Every text of the pages in Portuguese and Spanish, with the same places to fill in.

Names of events are words by themselves: one that is not translated yet is told in English.
"""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from oms_ledger.accounts.account import SETTINGS
from oms_ledger.backoffice.commands import FORMS
from oms_ledger.backoffice.flow_picture import STAGES
from oms_ledger.backoffice.pages.home import WORDS
from oms_ledger.backoffice.pages.orders import BUILT_IN, COLUMNS, LABELS
from oms_ledger.backoffice.pages.playground import PROGRESS
from oms_ledger.backoffice.templating import button
from oms_ledger.backoffice.translations import translations

ROOM = Path(str(files("oms_ledger.backoffice")))
LANGUAGES = ("pt", "es")
OPTIONS = {"encoding": "utf-8", "extensions": "jinja2.ext.do, jinja2.ext.loopcontrols"}


def texts():
    """What the templates and the tables behind them say."""
    found = extract_from_dir(str(ROOM / "templates"), [("**.html", "jinja2")], {"**.html": OPTIONS})
    for _, _, message, _, _ in found:
        one = message[0] if isinstance(message, tuple) else message
        if one.strip():
            yield one
    yield from (*COLUMNS.values(), *LABELS.values())
    yield from (about for _, about in SETTINGS.values())
    yield from (text for texts in WORDS.values() for text in texts)
    yield from (name for name, _ in BUILT_IN)
    yield PROGRESS
    yield from (form.button for form in FORMS)
    yield from (name for stages in STAGES.values() for name, _ in stages)


def places(text):
    return set(re.findall(r"%\(\w+\)s", text))


def catalog(language):
    with (ROOM / "locale" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_its_places(language):
    known = {(m.id if isinstance(m.id, str) else m.id[0]): m for m in catalog(language) if m.id}
    missing = sorted(set(texts()) - set(known))
    assert missing == []
    for one, message in known.items():
        strings = [message.string] if isinstance(message.string, str) else message.string
        for text in strings:
            assert text, one
            assert places(text) == places(one), one


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_texts_are_those_of_the_source(language):
    with (ROOM / "locale" / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        compiled = fields(read_mo(file))
    assert compiled == fields(catalog(language))


def fields(messages):
    def joined(text):
        return text if isinstance(text, str) else "|".join(text)

    return {
        (message.context, joined(message.id)): joined(message.string)
        for message in messages
        if message.id
    }


@pytest.mark.parametrize(
    ("language", "thing", "does"), [("pt", "Fatura", "Faturar"), ("es", "Factura", "Facturar")]
)
def test_a_button_says_what_it_does(language, thing, does):
    known = translations(language)
    assert (button(known, "Invoice"), known.gettext("Invoice")) == (does, thing)
    assert button(known, "Cancel") == known.gettext("Cancel")
