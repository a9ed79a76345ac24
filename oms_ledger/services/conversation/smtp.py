"""Handing mails to an SMTP server."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from oms_ledger.accounts.mail_providers import DEFAULT as DEFAULT
from oms_ledger.cell import Cell
from oms_ledger.http_client.addresses import HTTPS, Allowed, opened, permitted
from oms_ledger.notifications.mail import Mail, address_of, compose, require_sendable
from projections.conversation import providers

TIMEOUT = 20.0  # seconds
PORTS = (25, 465, 587, 2525)
"""Where mail servers listen."""
FORBIDDEN = "The mail server's address may not be connected to"


class UnknownProvider(Exception):
    """No sender has this name."""


class MailRefused(Exception):
    """The server did not take the mail; `for_good` when it never will."""

    def __init__(self, text: str, code: int | None = None, *, for_good: bool = False) -> None:
        super().__init__(text)
        self.code, self.for_good = code, for_good


@dataclass(frozen=True, slots=True)
class Provider:
    """A sender of mails; without `url` its mails are recorded and not sent.

    `networks`: of an account's own server, the inner ones that it may lie in; None for any.
    """

    sender: str
    url: str | None
    networks: Sequence[Allowed] | None = None


def provider_of(cell: Cell, account: str, name: str) -> Provider:
    """The provider of a name: the deployment's `default`, or a server of the account."""
    if name == DEFAULT:
        return Provider(cell.settings.mail_from, cell.settings.smtp_url)
    with cell.database.snapshot() as connection:
        url = providers.get(connection, cell.encryption, account, name)
    if url is None:
        raise UnknownProvider(f"There is no mail provider '{name[:40]}' in the account {account}")
    return Provider(cell.settings.mail_from, url, cell.settings.networks_of(account))


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
    port = parts.port or (465 if secure else 25)
    try:
        reached = await _reach(parts.hostname or "", port, provider.networks)
        await aiosmtplib.send(
            message,
            sender=address_of(mail.sender),
            recipients=mail.recipients,
            hostname=parts.hostname,
            port=None if reached else port,
            sock=reached,
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


async def _reach(host: str, port: int, networks: Sequence[Allowed] | None) -> socket.socket | None:
    """A connection to the address of an account's server that was checked; None for any server.

    The name is resolved once, so that it leads nowhere else between the check and the connection.
    """
    if networks is None:
        return None
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        if not _may_be_reached(str(address[0]), port, networks):
            continue
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(made, address), TIMEOUT)
        except BaseException:
            made.close()
            raise
        return made
    raise MailRefused(FORBIDDEN, for_good=True)


def _may_be_reached(host: str, port: int, networks: Sequence[Allowed]) -> bool:
    """As hooks are; outside, the ports of mail servers are open besides."""
    if opened(ip_address(host.partition("%")[0]), networks, port):
        return True
    return permitted(host, (), HTTPS if port in PORTS else port)
