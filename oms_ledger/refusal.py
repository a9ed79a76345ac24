"""A decision's no: a status, a published code and a sentence for people."""

from typing import ClassVar


class Refusal(Exception):
    """A decision's no. `message` is a sentence for people; nothing was recorded."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "OMS004"
    text: ClassVar[str] = "The order cannot accept this"
    retry_after: ClassVar[int | None] = None  # seconds, where trying again may help

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.message = self.text.format(*args)

    def __str__(self) -> str:
        return self.message


class IdempotencyKeyReused(Refusal):
    """422: the key came with another request before."""

    status = 422
    text = (
        "The Idempotency-Key {0} belongs to another request, {1}:"
        " use a new key, or send that request unchanged"
    )
