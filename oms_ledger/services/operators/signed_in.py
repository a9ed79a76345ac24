"""Who asks the API in process: an operator in one account, in one role.

The back office puts it into the scope of a request; no client can. The API makes a caller of it.
"""

from dataclasses import dataclass

STATE = "signed_in"  # its name in the state of a scope


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in: an operator with one role in one account, or the deployment's."""

    operator: str
    account: str
    role: str
    deployment: bool = False

    @property
    def actor(self) -> str:
        """What the events of this person name: no name or e-mail, which may change or go."""
        return f"person:{self.operator}"
