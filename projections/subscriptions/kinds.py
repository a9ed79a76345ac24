"""What one must know of a kind of destination to replay, try, explain and requeue for it.

A kind that is described here gets all of these as API (`api.notifications.subscription_admin`)
and as commands (`cli.subscriptions`): `feeds.KIND` and `hooks.KIND` are the two there are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from projections.subscriptions.dead_letters import DeadLetter
from projections.subscriptions.sink import SubscriptionSink


@dataclass(frozen=True)
class SubscriptionKind:
    """`name` is the first part of its subscriptions' names, as in `feed:<app key>`."""

    name: str
    destination: Callable[[Database, Encryption, str], SubscriptionSink | None]
    """The destination of an app key as it is configured now; None when it has none."""
    requeue: Callable[[Connection, str, Sequence[DeadLetter]], None]
    """Put dead letters of an app key back among what is waiting, as if they were new."""

    def subscription_of(self, app_key: str) -> str:
        return f"{self.name}:{app_key}"
