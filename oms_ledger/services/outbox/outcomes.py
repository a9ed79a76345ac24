"""How a handler says that its call did not come through."""

from datetime import timedelta


class RetryLater(Exception):
    """The other side cannot answer now; `after` is how long it asked to be skipped."""

    def __init__(self, why: str, after: timedelta | None = None) -> None:
        super().__init__(why)
        self.after = after


class PermanentFailure(Exception):
    """The other side said no for good, and the order cannot go on without a person."""
