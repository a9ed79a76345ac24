"""The statuses that a VTEX DO task goes through, and how clients spell them."""

OPEN, IN_PROGRESS, SUSPENDED, CLOSED = "Open", "InProgress", "Suspended", "Closed"
STATUSES = (
    *(OPEN, IN_PROGRESS, SUSPENDED, CLOSED),  # those of the published operation
    *("AwaitingCustomer", "AwaitingThirdParty", "Paused", "Rejected", "Completed"),  # the Admin's
)
_BY_WORD = {status.lower(): status for status in STATUSES}


def status_named(text: str) -> str | None:
    """A status in any case, with or without spaces: `in progress` is `InProgress`."""
    return _BY_WORD.get(text.replace(" ", "").lower())
