"""How a handler says that its call did not come through."""

from datetime import timedelta


class RetryLater(Exception):
    """The other side cannot answer now; `after` is how long it asked to be skipped.

    What `needs_person` is shown as a failure at once, and tried on all the same. What is `lasting`
    is not given up: the order moves on without it, and then it is of no use any more.
    """

    def __init__(
        self,
        why: str,
        after: timedelta | None = None,
        *,
        needs_person: bool = False,
        lasting: bool = False,
    ) -> None:
        super().__init__(why)
        self.after, self.needs_person, self.lasting = after, needs_person, lasting


class PermanentFailure(Exception):
    """The other side said no for good, and the order cannot go on without a person."""
