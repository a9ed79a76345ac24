"""Handing mails to an SMTP server."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from oms_ledger.cell import Cell
from oms_ledger.notifications.mail import Mail, address_of, compose, require_sendable

TIMEOUT = 20.0  # seconds
DEFAULT = "default"


class UnknownProvider(Exception):
    """No sender has this name."""


class MailRefused(Exception):
    """The server did not take the mail; `for_good` when it never will."""

    def __init__(self, text: str, code: int | None = None, *, for_good: bool = False) -> None:
        super().__init__(text)
        self.code, self.for_good = code, for_good


@dataclass(frozen=True, slots=True)
class Provider:
    """A sender of mails; without `url` its mails are recorded and not sent."""

    sender: str
    url: str | None


def provider_of(cell: Cell, account: str, name: str) -> Provider:
    """The provider of a name; `default` is the deployment's."""
    if name != DEFAULT:
        raise UnknownProvider(f"There is no mail provider '{name[:40]}' in the account {account}")
    return Provider(cell.settings.mail_from, cell.settings.smtp_url)


def message_id(cell: Cell, name: str) -> str:
    """The Message-ID of what is sent under a name: the same at every attempt."""
    domain = address_of(cell.settings.mail_from).rpartition("@")[2]
    return f"<{name}@{domain}>"


async def deliver(provider: Provider, mail: Mail, at: datetime) -> bool:
    """Send the mail; False where no server is configured. `MailRefused` says what it said."""
    if provider.url is None:
        require_sendable(mail)
        return False
    message = compose(mail, at)
    parts = urlsplit(provider.url)
    secure = parts.scheme == "smtps"
    required = parse_qs(parts.query).get("starttls") == ["required"]
    try:
        await aiosmtplib.send(
            message,
            sender=address_of(mail.sender),
            recipients=mail.recipients,
            hostname=parts.hostname,
            port=parts.port or (465 if secure else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=secure,
            start_tls=None if secure or not required else True,
            timeout=TIMEOUT,
        )
    except aiosmtplib.SMTPResponseException as error:
        raise MailRefused(f"SMTP {error.code}", error.code, for_good=error.code >= 500) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        raise MailRefused(f"SMTP {min(codes)}", min(codes), for_good=min(codes) >= 500) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailRefused(type(error).__name__) from None
    return True
