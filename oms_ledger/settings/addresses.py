"""Addresses among the settings: of the database, of Redis, of the mail server, of the pages.

An address may hold a password, so one that cannot be understood is never shown as it was given.
"""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

SENTINEL = "redis+sentinel"
_SENTINELS = re.compile(
    r"(?:[^@/]*@)?(?:[^@/,:]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
    r"(?:,(?:[^@/,:]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)*/[^/?]+(?:/[0-9]{1,5})?"
)


class SettingsError(ValueError):
    """A variable of the environment holds something that cannot be used."""

    def __init__(self, variable: str, *, found: str, expected: str) -> None:
        super().__init__(f"{variable} is {found}, but should be {expected}.")
        self.variable = variable


_POSTGRES = (
    "postgresql://user:password@host:port/database, host=one,two dbname=database (as libpq"
    " reads it)"
)


def database_url(variable: str, text: str) -> str:
    """The address of PostgreSQL or of a SQLite file, as SQLAlchemy takes it."""
    expected = f"{_POSTGRES} or sqlite:///path/to/file"
    scheme, _, rest = text.partition("://")
    if scheme.lower() != "sqlite":
        return postgres_url(variable, text, expected)
    if rest.startswith("/") and len(rest) > 1 and rest != "/:memory:":
        return f"sqlite:///{Path(rest[1:]).expanduser().absolute()}"
    raise SettingsError(variable, found=without_password(text), expected=expected)


def postgres_url(variable: str, text: str, expected: str = _POSTGRES) -> str:
    """The address of PostgreSQL in any of libpq's forms, with time limits where it has none."""
    scheme, separator, rest = text.partition("://")
    match scheme.lower():
        case "postgresql" | "postgres" if rest:
            text = f"postgresql://{rest}"
        case _ if separator or "=" not in text:
            raise SettingsError(variable, found=without_password(text), expected=expected)
    from psycopg import ProgrammingError  # only where PostgreSQL is meant: it takes long to load
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(text)
    except ProgrammingError:
        raise SettingsError(variable, found="another form", expected=expected) from None
    return text


def redis_url(variable: str, text: str) -> str:
    """The address of Redis: `redis://`, `rediss://`, `unix://` or `redis+sentinel://`."""
    scheme, _, rest = text.partition("://")
    if scheme.lower() in ("redis", "rediss", "unix") and rest:
        return f"{scheme.lower()}://{rest}"
    if scheme.lower() == SENTINEL and _SENTINELS.fullmatch(rest):
        return f"{SENTINEL}://{rest}"
    expected = (
        "redis://host:port/number, rediss://host:port/number, unix:///path/to/socket or"
        " redis+sentinel://host:port,host:port/name/number"
    )
    raise SettingsError(variable, found=without_password(text), expected=expected)


def origin(variable: str, text: str) -> str:
    """An address without a path; `InvalidSetting` says what was expected."""
    expected = "an address without a path, like https://oms.example.com"
    parts = urlsplit(text)
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme in ("https", "http") and parts.hostname and not more:
        return f"{parts.scheme}://{parts.netloc.lower()}"
    raise SettingsError(variable, found=without_password(text), expected=expected)


def without_password(url: str) -> str:
    """What may be shown of an address that could not be read: its passwords stay secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "not an address"
    netloc = re.sub(r":[^@]*@", ":***@", parts.netloc)
    if "@" in url and "***" not in netloc:
        return f"an address that begins with {parts.scheme!r}"
    return repr(urlunsplit((parts.scheme, netloc, parts.path, "", "")))


def smtp_url(variable: str, text: str) -> str:
    """An address of an SMTP server, with what signs in there."""
    parts = urlsplit(text)
    options = parse_qs(parts.query)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or set(options) - {"starttls"}:
        expected = "smtp[s]://user:password@host:port?starttls=required"
        raise SettingsError(variable, found="another form", expected=expected)
    return text


def web_address(variable: str, text: str) -> str:
    """An address that is called over HTTP, without a name or a password."""
    parts = urlsplit(text)
    if parts.scheme in ("https", "http") and parts.hostname and not parts.username:
        return text
    expected = "an address like https://tsa.example.com/tsr"
    raise SettingsError(variable, found=without_password(text), expected=expected)
