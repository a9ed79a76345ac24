"""Where everything stands, as `status` and the back office show it."""

from typing import Any

import redis

from oms_ledger.cell import Cell
from oms_ledger.services import signals
from projections.ops import metrics
from projections.subscriptions import leases, registry


def state_of(cell: Cell) -> dict[str, Any]:
    """Head, subscriptions with their lags and leases, queues with their ages, hooks, processes."""
    head, now = cell.store.head(), cell.clock.micros()
    with cell.database.snapshot() as connection:
        following = metrics.subscription_statuses(connection, head, now)
        held = leases.holders(connection)
        kinds = {kind.name: kind.status(connection) for kind in registry.KINDS.values()}
        known = {one.name: one for one in metrics.collect_metrics(connection, head, now)}
    try:
        jobs: int | None = sum(
            signals.queue(cell.redis, name).count for name in (signals.QUEUE, signals.SLOW)
        )
    except redis.RedisError:
        jobs = None

    def total(name: str) -> int:
        return int(sum(known[name].values.values()))

    return {
        "head": head,
        "subscriptions": [
            {
                "subscription": one.subscription,
                "position": one.position,
                "lag": one.lag,
                "lagSeconds": round(one.seconds, 1),
                "holder": one.holder,
            }
            for one in following
        ],
        "kinds": kinds,
        "leases": [
            {"lease": name, "holder": held[name]}
            for name in sorted(held.keys() - {one.subscription for one in following})
        ],
        "feedItems": total("oms_feed_items"),
        "deliveriesPending": total("oms_deliveries_pending"),
        "deadLetters": total("oms_dead_letters"),
        "signalsQueued": jobs,
        "figures": [
            {"name": one.name, "labels": dict(zip(one.labels, labels, strict=True)), "value": value}
            for one in known.values()
            for labels, value in one.values.items()
        ],
    }
