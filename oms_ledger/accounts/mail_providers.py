"""An account's own mail servers, which triggers name as the `provider` of a mail."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import InvalidSetting

SETTING = "mail_provider_"
DEFAULT = "default"
"""The deployment's server, which no account configures."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)


@dataclass(frozen=True, slots=True)
class MailProviderItem:
    """A row of `mail_providers`; the URL has the password."""

    name: str
    configured_at: int
    url: str = ""

    @property
    def id(self) -> str:
        """The name by which a trigger's mail asks for the server."""
        return self.name


@dataclass(frozen=True, slots=True)
class MailProviderConfigured:
    """A mail server was added or changed; `url` is `smtp[s]://user:password@host:port`."""

    name: str
    url: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class MailProviderRemoved:
    """Mails of triggers that name this server are not sent any more."""

    name: str


MailProviderEvent = MailProviderConfigured | MailProviderRemoved


def _configured(before: Configuration, event: MailProviderConfigured, at: int) -> Configuration:
    return before.put(MailProviderItem(event.name, at, event.url))


def _removed(before: Configuration, event: MailProviderRemoved, at: int) -> Configuration:
    return before.without(MailProviderItem, event.name)


APPLIERS: Mapping[type, Applier] = {
    MailProviderConfigured: _configured,
    MailProviderRemoved: _removed,
}


def is_provider(setting: str) -> bool:
    """Whether it is the setting of a mail server, `mail_provider_{name}`, not of `SETTINGS`."""
    return setting.startswith(SETTING)


def parse_provider(setting: str, text: str) -> str:
    """The URL of a setting `mail_provider_{name}`; empty to remove it."""
    name = setting.removeprefix(SETTING)
    if not _NAME.fullmatch(name) or name == DEFAULT:
        raise InvalidSetting(f"{setting}: expected mail_provider_ and a name other than {DEFAULT}")
    url = text.strip()
    if url and not _is_smtp(url):
        raise InvalidSetting(
            f"{setting}: expected smtp[s]://user:password@host:port?starttls=required, or nothing"
        )
    return url


def _is_smtp(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return known and plain and not set(parse_qs(parts.query)) - {"starttls"}


def without_secrets(url: str) -> str:
    """A URL as it is shown: without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{host}{query}"


def configure_providers(
    configuration: Configuration, settings: Mapping[str, str]
) -> list[MailProviderEvent]:
    """Set or remove what the settings name; nothing where that is so already."""
    events: list[MailProviderEvent] = []
    for setting, url in settings.items():
        name = setting.removeprefix(SETTING)
        known = configuration.get(MailProviderItem, name)
        if url and (known is None or known.url != url):
            events.append(MailProviderConfigured(name, url))
        elif not url and known is not None:
            events.append(MailProviderRemoved(name))
    return events
