"""On whose behalf a command runs: what its events name, and the request key that it takes."""

from dataclasses import dataclass, replace

from oms_ledger.eventstore.idempotency import IdempotencyScope, KeyClaim


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Account, actor and cause of what is recorded; `idempotency` of a request under a key.

    The cause is the id of a request, of a message or of a run; None for what has none. After the
    deadline, in monotonic seconds, nothing is recorded any more; None for what may take its time.
    """

    account: str
    actor: str
    cause: str | None = None
    idempotency: IdempotencyScope | None = None
    deadline: float | None = None

    def claim(self) -> KeyClaim | None:
        """What the request claims for its next change; None when it carries no key."""
        return self.idempotency.claim(self.account, self.actor) if self.idempotency else None

    def without_idempotency(self) -> "CommandContext":
        """For what is done once by its own state, whatever key the request carries: changes that
        go along with asking somebody else, whose answer a replay could not bring back."""
        return replace(self, idempotency=None)
