"""Texts as HTML: what templates write by, and what they have written already."""

from typing import Any

from markupsafe import escape


class Drawn(str):
    """HTML that macros of templates made: `cells` joins it, and nothing else may."""

    __slots__ = ()


def escaped(value: Any) -> str:
    """A value as HTML; without an object of each plain text or number."""
    if type(value) is str:
        text = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return text.replace("'", "&#39;").replace('"', "&#34;")
    if type(value) is Drawn:
        return value
    return str(value) if type(value) is int else escape(value)
