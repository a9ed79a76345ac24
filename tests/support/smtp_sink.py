"""A real SMTP server that keeps what it is sent."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class ReceivedMail:
    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: str


class _OnAnyPort(Controller):
    """Listens where there is room, and remembers where that is."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class SmtpSink:
    """`answers` are given to the mails one after the other; 250 to those beyond."""

    def __init__(self, answers: Sequence[str] = ()) -> None:
        self.mails: list[ReceivedMail] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._controller = _OnAnyPort(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        with self._lock:
            answer = self._answers.pop(0) if self._answers else "250 OK"
            if answer.startswith("250"):
                raw = bytes(envelope.content)
                message = message_from_bytes(raw, policy=policy.default)
                assert isinstance(message, EmailMessage)
                self.mails.append(
                    ReceivedMail(
                        envelope.mail_from, list(envelope.rcpt_tos), message, raw.decode("latin-1")
                    )
                )
            return answer

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._controller.port}"

    def __enter__(self) -> "SmtpSink":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
