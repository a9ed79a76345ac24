"""What one must know of a kind of subscription; a new kind is one file and one line in `.registry`.

Everything that serves subscriptions loops over the kinds: the filter runner, the reconciliation,
retention, metrics, status, `verify`, permissions, API and commands.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Table

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from projections.ops.metric import Metric
from projections.subscriptions.checkpoints import Projection
from projections.subscriptions.dead_letters import DeadLetter, DeadLetters
from projections.subscriptions.sink import SubscriptionSink

VIEWS, ADMINS = ("dry_run", "explain", "dead_letters"), ("replay", "requeue")
"""The operations of a kind that look, and those that change something."""


@dataclass(frozen=True)
class KindPermissions:
    """Resources of which one lets a caller look at a kind's subscriptions, or change them."""

    view: frozenset[str]
    admin: frozenset[str]


class Follower(Projection, Protocol):
    """Produces for the whole ledger; `found` says that there is something new to dispatch."""

    found: bool


class OfKeys(Protocol):
    """Subscriptions of app keys: their filters are evaluated by the workers, an account at once.

    They are named `<kind>:<app key>`; `owners` has the columns `app_key` and `account`. `letters`:
    where what could not be delivered is.
    """

    owners: Table
    letters: DeadLetters

    def sinks(
        self, connection: Connection, database: Database, account: str
    ) -> Sequence[SubscriptionSink]:
        """Those of an account, in a stable order."""

    def open(
        self, database: Database, encryption: Encryption, app_key: str
    ) -> SubscriptionSink | None:
        """The sink of an app key as it is configured now; None when it has none."""

    def requeue(
        self, connection: Connection, app_key: str, letters: Sequence[DeadLetter], now: int
    ) -> None:
        """Put dead letters of an app key back among what is waiting, as if they were new."""


def _nothing_due(connection: Connection, now: int) -> Collection[str]:
    """Signal nobody: whoever reads comes by itself, or is signaled with others."""
    return ()


@dataclass(frozen=True)
class SubscriptionKind:
    """A kind is evaluated by app keys (`of_keys`), or once for the whole ledger (`follower`), or
    passes an account's events on as they are (`owners`).

    Instants are microseconds.
    """

    name: str
    permissions: KindPermissions
    retain: Callable[[Connection, int, int, bool], Sequence[str]]
    """Apply retention at an instant, with the ledger's head; the flag says whether unused
    subscriptions end. Answers the app keys whose subscriptions were removed."""
    metrics: Callable[[Connection, int, int | None], Iterable[Metric]]
    """What it shows at an instant; the number says how many keys are named at most, those where
    all is well left out. None: every key is named."""
    status: Callable[[Connection], dict[str, Any]]
    """What waits and what is dead, of all its subscriptions together."""
    of_keys: OfKeys | None = None
    follower: Callable[[Callable[[], int]], Follower] | None = None
    owners: Column[str] | None = None
    """The names of its subscriptions, in a table that says by `account` whose they are, where they
    are of accounts, and no filter is evaluated for them."""
    dispatcher: str | None = None
    """Who is signaled when there is something to do: `outbox`, `streams`, or nobody."""
    due: Callable[[Connection, int], Collection[str]] = _nothing_due
    """What to signal when something is pending that may be sent now."""

    @property
    def subscription(self) -> str:
        """The name of the subscription of the whole ledger."""
        return f"{self.name}s"

    def subscription_of(self, app_key: str) -> str:
        """The name of a key's subscription of the kind."""
        return f"{self.name}:{app_key}"

    @property
    def operations(self) -> dict[str, frozenset[str]]:
        """Its operations by name, with the resources of which one opens each."""
        if self.of_keys is None:
            return {}
        view = {f"{self.name}_{operation}": self.permissions.view for operation in VIEWS}
        return view | {f"{self.name}_{operation}": self.permissions.admin for operation in ADMINS}
