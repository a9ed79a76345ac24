"""Filters that rest: an evaluation ended its process, and would end the next one.

A paused filter keeps its place and what it produced. It goes on when it is configured again, or
when somebody resumes it: then with the event after the one that it failed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from projections.sql.upserts import upsert
from projections.tables import filter_pauses


@dataclass(frozen=True, slots=True)
class FilterPause:
    """`position` and `order_id` are those of the event that the filter failed on."""

    subscription: str
    position: int
    order_id: str
    reason: str
    paused_at: int


def pause(
    connection: Connection, subscription: str, position: int, order_id: str, now: int
) -> None:
    """Rest a filter at the event that it failed on; `now` in microseconds."""
    reason = "evaluating it on this order ended the process"
    values = {"position": position, "order_id": order_id, "reason": reason}
    row = {"subscription": subscription, **values, "paused_at": now}
    connection.execute(upsert(connection, filter_pauses), [row])


def get(connection: Connection, subscription: str) -> FilterPause | None:
    """The pause of a subscription's filter; None while it goes on."""
    query = select(filter_pauses).where(filter_pauses.c.subscription == subscription)
    row = connection.execute(query).one_or_none()
    return None if row is None else FilterPause(**row._mapping)


def resume(connection: Connection, subscription: str) -> bool:
    """Let the filter go on; False when it was not paused."""
    gone = delete(filter_pauses).where(filter_pauses.c.subscription == subscription)
    return connection.execute(gone).rowcount > 0


def among(connection: Connection, subscriptions: Sequence[str]) -> set[str]:
    """Those of the subscriptions whose filters are paused."""
    query = select(filter_pauses.c.subscription).where(
        filter_pauses.c.subscription.in_(subscriptions)
    )
    return set(connection.execute(query).scalars())
