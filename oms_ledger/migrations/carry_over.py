"""Brings a database from before `0001_baseline` to it: the same tables under their names of today.

Such a database is at revision `0014_external_sellers`. Nothing is copied: tables and columns are
renamed in place, ids of subscriptions and states of the outbox are mapped, and the views begin
again from the first event. Events keep their bytes, so the chain of seals holds; names that events
were stored under then are aliases in the deciders of today.
"""

import importlib
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

BEFORE = "0014_external_sellers"
BASELINE = "0001_baseline"

TABLES = {
    "calls": "outbox_messages",
    "cursors": "subscriptions",
    "due_times": "timers",
    "export_pieces": "export_chunks",
    "fired": "single_fire_orders",
    "judgings": "filter_stats",
    "order_figures": "order_totals",
    "order_terms": "order_search_terms",
    "people": "customer_index",
    "process_figures": "process_metrics",
    "request_keys": "unique_keys",
    "struck": "filter_timeouts",
}
# By the tables' names of today.
COLUMNS = {
    "app_keys": {"former_hash": "previous_hash", "former_until": "previous_until"},
    "dead_letters": {"cursor": "subscription", "why": "reason"},
    "deliveries": {"notice": "notification"},
    "events": {"by": "actor"},
    "export_chunks": {"piece": "chunk"},
    "exports": {
        "by": "actor",
        "question": "order_query",
        "manner": "export_format",
        "missing": "failed_orders",
        "pieces": "chunks",
    },
    "filter_stats": {"cursor": "subscription", "judged": "evaluated", "passed": "matched"},
    "filter_timeouts": {"cursor": "subscription"},
    "hooks": {
        "failures": "consecutive_failures",
        "opens_at": "circuit_open_until",
        "last_notice_at": "last_notification_at",
        "former_secret": "previous_secret",
        "former_until": "previous_until",
    },
    "outbox_messages": {"party": "recipient", "settled_at": "completed_at"},
    "single_fire_orders": {"cursor": "subscription"},
    "subscriptions": {"shape": "view_version", "replaying_until": "replay_until"},
    "task_history": {"by": "actor"},
    "timers": {"what": "kind"},
    "unique_keys": {"at": "taken_at"},
}
SUBSCRIPTIONS = {
    "calls": "outbox",
    "clock": "scheduler",
    "due-times": "timers",
    "people": "customer-index",
}
STATES = {"waiting": "pending", "done": "delivered"}
VIEWS = ("order-views", "timers", "customer-index")


def carry_over(connection: Connection) -> None:
    """One transaction: everything is as it was, or everything is as the baseline has it."""
    postgres = connection.dialect.name == "postgresql"
    baseline = importlib.import_module(f"oms_ledger.migrations.versions.{BASELINE}").metadata
    _drop_indexes(connection, {index.name for t in baseline.tables.values() for index in t.indexes})
    for before, now in TABLES.items():
        connection.execute(text(f'ALTER TABLE "{before}" RENAME TO "{now}"'))
    for table, columns in COLUMNS.items():
        for before, now in columns.items():
            connection.execute(text(f'ALTER TABLE "{table}" RENAME COLUMN "{before}" TO "{now}"'))
    _map_values(connection)
    known = _indexes(connection)
    for table in baseline.tables.values():
        for index in table.indexes:
            if index.name not in known:
                index.create(connection)
    if postgres:
        connection.execute(text("DROP FUNCTION append_entries"))
        sql = Path(__file__).parent / "append_events.sql"
        connection.exec_driver_sql(sql.read_text())
    connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": BASELINE})


def _indexes(connection: Connection) -> dict[str, str]:
    """The tables of indexes, by the indexes' names; what a primary key has is not among them."""
    look: Any = inspect(connection)
    return {
        index["name"]: table
        for table in look.get_table_names()
        for index in look.get_indexes(table)
    }


def _drop_indexes(connection: Connection, kept: set[Any]) -> None:
    for name in _indexes(connection):
        if name not in kept:
            connection.execute(text(f'DROP INDEX "{name}"'))


def _map_values(connection: Connection) -> None:
    for before, now in SUBSCRIPTIONS.items():
        _set(connection, "subscriptions", "id", before, now)
    moved = "UPDATE subscriptions SET id = 'delivery:' || substr(id, 9) WHERE id LIKE 'courier:%'"
    connection.execute(text(moved))
    for before, now in STATES.items():
        _set(connection, "outbox_messages", "state", before, now)
    for view in VIEWS:  # no release has this version, so the view is built again
        outdated = "UPDATE subscriptions SET view_version = -1 WHERE id = :view"
        connection.execute(text(outdated), {"view": view})
    connection.execute(text("DELETE FROM process_metrics"))  # processes report anew


def _set(connection: Connection, table: str, column: str, before: str, now: str) -> None:
    statement = f"UPDATE {table} SET {column} = :now WHERE {column} = :before"  # noqa: S608 - names of our own tables
    connection.execute(text(statement), {"now": now, "before": before})
