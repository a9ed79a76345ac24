"""The kind `stream`: an account's events go out as they are, in order, by position.

Nothing is stored on the way: the ledger is the queue, and the subscription's position says what
the destination has.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from projections.ops.metric import Metric
from projections.streams import outgoing
from projections.streams.tables import outgoing_streams
from projections.subscriptions.kinds import KindPermissions, SubscriptionKind


def _retain(connection: Connection, now: int, head: int, expires: bool) -> Sequence[str]:
    """Nothing is kept, and a stream ends only when it is removed."""
    return ()


def _metrics(connection: Connection, now: int, most: int | None) -> Iterable[Metric]:
    """How far each is shows among the lags of all subscriptions."""
    failing = Metric("oms_streams_failing", "Outgoing streams whose destination takes nothing")
    failing.put(outgoing.counted(connection)[1])
    return (failing,)


def _status(connection: Connection) -> dict[str, Any]:
    streams, failing = outgoing.counted(connection)
    return {"streams": streams, "failing": failing}


def _due(connection: Connection, now: int) -> Collection[str]:
    return outgoing.behind(connection, now)


KIND = SubscriptionKind(
    name=outgoing.KIND,
    permissions=KindPermissions(view=frozenset(), admin=frozenset()),
    retain=_retain,
    metrics=_metrics,
    status=_status,
    owners=outgoing_streams.c.name,
    dispatcher="streams",
    due=_due,
)
