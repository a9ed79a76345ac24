"""Addresses as they may be shown: without the values of their query, which may be secrets."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SHOWN = {"an", "sc", "affiliateid"}
_MASK = "***"


def masked(url: str) -> str:
    """An address of a partner without what may open it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _MASK
    fields = [
        (name, value if name.casefold() in _SHOWN else _MASK)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(fields, safe="*"), ""))
