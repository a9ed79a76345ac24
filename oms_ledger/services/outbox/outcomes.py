"""What came of sending a message: what `send` returns, and what handlers raise."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Delivered:
    """`status` is that of an answer, `note` what was done, where there is more to say."""

    status: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What the message is about is gone, so it was not sent."""

    reason: str


class RetryLater(Exception):
    """It was not taken yet; `after` is how long the other side asked to be left alone.

    `answered`: whether the other side answered at all, which counts for its circuit; None where
    nothing was sent. What `needs_person` is shown as a failure at once, and tried on all the same.
    What is `lasting` is not given up: the order moves on without it, and then it is of no use.
    `quiets`: it asked for that wait not for this message, but for all that it is sent.
    """

    def __init__(
        self,
        why: str,
        after: timedelta | None = None,
        *,
        status: int | None = None,
        answered: bool | None = True,
        needs_person: bool = False,
        lasting: bool = False,
        quiets: bool = False,
    ) -> None:
        super().__init__(why)
        self.after, self.status, self.answered = after, status, answered
        self.needs_person, self.lasting, self.quiets = needs_person, lasting, quiets


class Unanswered(RetryLater):
    """The other side did not answer, or is broken."""

    def __init__(
        self,
        why: str,
        after: timedelta | None = None,
        *,
        status: int | None = None,
        needs_person: bool = False,
        quiets: bool = False,
    ) -> None:
        super().__init__(
            why, after, status=status, answered=False, needs_person=needs_person, quiets=quiets
        )


class PermanentFailure(Exception):
    """The other side said no for good: a person has to look at it."""

    def __init__(
        self, why: str, *, status: int | None = None, answered: bool | None = True
    ) -> None:
        super().__init__(why)
        self.status, self.answered = status, answered


Outcome = Delivered | Skipped | RetryLater | PermanentFailure

Besides = Callable[[Connection], None]
"""What is written in the transaction in which an outcome is recorded, if it is recorded at all."""
