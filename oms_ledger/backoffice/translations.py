"""The texts of pages in other languages; English ones are their own keys."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from babel.support import NullTranslations, Translations

LANGUAGES = {"en": "English", "pt": "Português", "es": "Español"}
FOLDER = Path(str(files("oms_ledger.backoffice").joinpath("locale")))
LONGER = "qps"  # a pseudo-language whose texts are 40 % longer, for tests of the layout


class _Longer(NullTranslations):
    """Each text with accents around it and 40 % longer."""

    def gettext(self, message: str) -> str:
        return f"{message} {'ē' * max(1, len(message) * 2 // 5)}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


@cache
def translations(language: str) -> NullTranslations:
    """The texts of a language, loaded once; texts without one stay English."""
    if language == LONGER:
        return _Longer()
    return Translations.load(FOLDER, [language])
