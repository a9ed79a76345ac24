"""A person is forgotten."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonErased:
    """The order's data key is gone, and with it all that given of a person, in every version.

    The key is deleted in the transaction that records this. One erasure may be about many orders.
    """

    erasure_id: str


ErasureEvent = PersonErased
