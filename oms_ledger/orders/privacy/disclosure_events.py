"""Who looked at a person's data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonalDataDisclosed:
    """Personal data that the account masks was shown unmasked, for a reason.

    By whom, when and in which request the event says. It stands in the order's history alone.
    """

    reason: str


PrivacyEvent = PersonalDataDisclosed
