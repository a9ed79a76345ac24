"""Mails as they go out: addresses that are checked, headers that nothing can be slipped into."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from html import unescape

MOST_RECIPIENTS = 50

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_CONTROL = re.compile(r"[\r\n\x00]")


class InvalidMail(Exception):
    """A mail that must not go out, as it stands."""


@dataclass(frozen=True, slots=True)
class Mail:
    """`sender` and `reply_to` may hold a name: `Store <no-reply@store.com>`."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    html: str
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()

    @property
    def recipients(self) -> list[str]:
        """Every address of the envelope, once."""
        return list(dict.fromkeys(address_of(one) for one in (*self.to, *self.cc, *self.bcc)))


def address_of(text: str) -> str:
    """The bare address of a text; `InvalidMail` where it holds none."""
    if _CONTROL.search(text):
        raise InvalidMail("an address holds a line break or NUL")
    _, address = parseaddr(text)
    if not _ADDRESS.fullmatch(address) or ".." in address:
        raise InvalidMail(f"'{text[:80]}' is no address")
    return address


def is_address(text: str) -> bool:
    """Whether a text is a bare address and nothing else."""
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text


def recipients_of(value: object) -> tuple[str, ...]:
    """Addresses out of a text or a list of texts; several in one text stand between commas."""
    texts: Sequence[object] = value if isinstance(value, list) else [value]
    found = [
        part.strip()
        for text in texts
        if isinstance(text, str)
        for part in re.split(r"[,;](?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)", text)
    ]
    return tuple(part for part in found if part)


def require_sendable(mail: Mail) -> None:
    """Refuse a mail that no server could be given."""
    recipients = mail.recipients
    if not recipients:
        raise InvalidMail("there is no recipient")
    if len(recipients) > MOST_RECIPIENTS:
        raise InvalidMail(f"{len(recipients)} recipients, expected at most {MOST_RECIPIENTS}")
    for text in (mail.subject, mail.message_id):
        if _CONTROL.search(text):
            raise InvalidMail("a header holds a line break or NUL")


def compose(mail: Mail, at: datetime) -> EmailMessage:
    """The message, with a plain text made of its HTML; blind copies stand in no header."""
    require_sendable(mail)
    message = EmailMessage()
    message["From"] = _header(mail.sender)
    message["To"] = tuple(_header(one) for one in mail.to)
    if mail.cc:
        message["Cc"] = tuple(_header(one) for one in mail.cc)
    if mail.reply_to:
        message["Reply-To"] = tuple(_header(one) for one in mail.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(plain_text(mail.html))
    message.add_alternative(mail.html, subtype="html")
    return message


def _header(text: str) -> Address:
    address = address_of(text)
    name, _ = parseaddr(text)
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


_HIDDEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/h[1-6]|/li)\b[^>]{0,1000}>", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]{0,10000}>")


def plain_text(html: str) -> str:
    """What a reader without HTML sees."""
    text = _TAGS.sub("", _BREAKS.sub("\n", _HIDDEN.sub("", html)))
    lines = (" ".join(line.split()) for line in unescape(text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
