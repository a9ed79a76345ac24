"""The kind `trigger`: what is saved fires the triggers of Master Data.

One subscription for the whole ledger: it shares the page, the states and the transaction of the
projector, so that an account without triggers costs nothing. Its runs are messages of the outbox.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from oms_ledger.accounts.roles import MD_ADMIN
from oms_ledger.notifications.channel import TRIGGER
from projections.masterdata.triggers import TriggerRuns
from projections.ops.metric import Metric
from projections.outbox import messages
from projections.subscriptions.kinds import KindPermissions, SubscriptionKind


def _retain(connection: Connection, now: int, head: int, expires: bool) -> Sequence[str]:
    """Nothing is left to do: runs are kept and removed with the messages of the outbox."""
    return ()


def _metrics(connection: Connection, now: int, most: int | None) -> Iterable[Metric]:
    """Runs are counted among the messages of the outbox, by their channel."""
    return ()


def _status(connection: Connection) -> dict[str, Any]:
    counted = messages.counted(connection).items()
    states = dict.fromkeys((messages.WAITING, messages.DEAD), 0)
    for (channel, _, state), count in counted:
        if channel == TRIGGER.name and state in states:
            states[state] += count
    return {"waiting": states[messages.WAITING], "dead": states[messages.DEAD]}


KIND = SubscriptionKind(
    name="trigger",
    permissions=KindPermissions(view=frozenset({MD_ADMIN}), admin=frozenset({MD_ADMIN})),
    retain=_retain,
    metrics=_metrics,
    status=_status,
    follower=TriggerRuns,
    dispatcher="outbox",
)
