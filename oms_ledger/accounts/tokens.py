"""Since when the user tokens of an account or of a person count."""

from collections.abc import Mapping
from dataclasses import dataclass

from oms_ledger.accounts.configuration import Applier, Configuration


@dataclass(frozen=True, slots=True)
class TokenBoundItem:
    """A row of `token_bounds`: a hash of an e-mail, or nothing for everybody."""

    subject: str
    not_before: int

    @property
    def id(self) -> str:
        """Whose tokens they are, as `subject` says."""
        return self.subject


@dataclass(frozen=True, slots=True)
class TokensEnded:
    """Of these subjects, all tokens that were issued until now."""

    subjects: tuple[str, ...]


def _ended(before: Configuration, event: TokensEnded, at: int) -> Configuration:
    for subject in event.subjects:
        before = before.put(TokenBoundItem(subject, at))
    return before


APPLIERS: Mapping[type, Applier] = {TokensEnded: _ended}
