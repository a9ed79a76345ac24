"""What is wrong with a deployment, as far as one process can see, and what to do about it.

Each check looks at one thing and says one or more findings: what it is, whether it is well, and
plain advice where it is not. A check that depends on another that failed is left out.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis
from sqlalchemy import select, text

from oms_ledger.cell import Cell, MissingMasterKey
from oms_ledger.eventstore import hosting
from oms_ledger.eventstore.database import UNAVAILABLE
from oms_ledger.eventstore.key_check import WrongMasterKey
from oms_ledger.migrations import is_current
from oms_ledger.services.metrics import EVERY_PROCESS
from oms_ledger.services.readiness import SKEW
from oms_ledger.settings import is_loopback
from projections.ops.metrics import GONE
from projections.tables import process_metrics

OLDEST, NEWEST = 14, 18
"""Major versions of PostgreSQL that this release is tested on."""

LEAST_DISK = 1_000_000_000  # bytes
CONNECTIONS = 200
SOME = 5  # accounts that a finding names
"""Of the server: each process keeps up to 30 and a few for itself."""

MOST_BEHIND = 16_000_000  # bytes of the log that a replica has not replayed

PROCESSES = ("web", "projector", "worker", "scheduler")

_SERVER = text(
    "SELECT current_setting('server_version_num')::int / 10000, pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on', current_setting('synchronous_commit'),"
    " current_setting('synchronous_standby_names'), current_setting('max_connections')::int,"
    " current_setting('fsync') = 'on', extract(epoch FROM clock_timestamp())::float8"
)
_WRITTEN = text(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text"
    " ELSE pg_last_wal_replay_lsn()::text END"
)
_REPLAYED = text(
    "SELECT pg_is_in_recovery(), greatest(0, coalesce(pg_wal_lsn_diff(CAST(:written AS pg_lsn),"
    " pg_last_wal_replay_lsn()), 0))::bigint"
)
_STANDBYS = text(
    "SELECT coalesce(string_agg(application_name, ', ')"
    " FILTER (WHERE sync_state IN ('sync', 'quorum')), ''),"
    " pg_has_role(current_user, 'pg_monitor', 'usage') FROM pg_stat_replication"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok`: well; `note`: works, but should be mended; `wrong`: does not work, or may lose."""

    subject: str
    state: str
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    """A finding that needs nothing."""
    return Finding(subject, "ok", found)


def note(subject: str, found: str, advice: str) -> Finding:
    """A finding that works, with what would be better."""
    return Finding(subject, "note", found, advice)


def wrong(subject: str, found: str, advice: str) -> Finding:
    """A finding that has to be mended, with what to do."""
    return Finding(subject, "wrong", found, advice)


def diagnose(cell: Cell, *, own_redis: bool = False) -> Iterator[Finding]:
    """Every finding, one after the other; `own_redis`: that of `up`, since none was given."""
    file = cell.settings.sqlite_path
    if file is not None and not file.exists():
        yield wrong("database", f"there is no {file}", "Start `oms-ledger up`, which makes it.")
        return
    yield from _settings(cell, own_redis)
    yield from _disk(cell.settings.data_dir)
    yield from _redis(cell)
    try:
        yield from _database(cell)
        yield from _replica(cell)
        if not is_current(cell.database):
            yield wrong("tables", "not those of this release", "Run `oms-ledger migrate`.")
            return
        yield ok("tables", "those of this release")
        yield from _key(cell)
        yield from _moves(cell)
        yield from _processes(cell)
    except UNAVAILABLE as error:
        why = str(getattr(error, "orig", error)).strip().split("\n")[0]
        advice = "Look whether the server runs and OMS_DATABASE_URL leads to it."
        yield wrong("database", f"does not answer: {why}", advice)


def _settings(cell: Cell, own_redis: bool) -> Iterator[Finding]:
    settings, sqlite = cell.settings, cell.settings.sqlite_path is not None
    public = not is_loopback(settings.host)
    if public and settings.public_url is None:
        advice = "Set OMS_PUBLIC_URL to the https address that people use, or leave pages closed."
        yield note("settings", "the back office opens on loopback alone", advice)
    if sqlite:
        if public:
            advice = "Use PostgreSQL with a synchronous standby where orders must not be lost."
            yield note("settings", "one SQLite file on one machine", advice)
        return
    if settings.master_key is None:
        advice = "Set OMS_MASTER_KEY or OMS_MASTER_KEY_FILE to the same key on every machine."
        yield note("settings", "the master key is a file of this machine", advice)
    if own_redis:
        advice = "Set REDIS_URL, or signals stay on the machine that they began on."
        yield note("settings", "each machine has a Redis of its own", advice)


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / 1e9:.1f} GB free at {there}"
    if free < LEAST_DISK:
        yield wrong("disk", found, "Make room: a full disk refuses orders.")
    else:
        yield ok("disk", found)


def _redis(cell: Cell) -> Iterator[Finding]:
    began = time.monotonic()
    try:
        cell.redis.ping()
    except (redis.RedisError, OSError) as error:
        advice = "Orders are taken without it, feeds and hooks are late by up to 2 s. Start it."
        yield note("redis", f"does not answer: {type(error).__name__}", advice)
    else:
        yield ok("redis", f"answers in {(time.monotonic() - began) * 1000:.0f} ms")


def _database(cell: Cell) -> Iterator[Finding]:
    if cell.database.sqlite:
        cell.database.engine.connect().close()
        yield ok("database", f"SQLite at {cell.database.path}")
        return
    with cell.database.snapshot() as connection:
        began = cell.clock.seconds()
        row = connection.execute(_SERVER).one()
        took = cell.clock.seconds() - began
        standbys, may_look = connection.execute(_STANDBYS).one()
    version, recovery, read_only, commit, names, most, fsync, theirs = row
    yield _version(version, took)
    if recovery or read_only:
        found = "a standby" if recovery else "read-only"
        advice = "Give all hosts in OMS_DATABASE_URL, or wait until a primary is elected."
        yield wrong("role", found, advice)
    else:
        yield ok("role", "primary")
    if not fsync:
        yield wrong("durability", "fsync is off", "Set fsync = on: a crash loses the database.")
    yield _replication(commit, names, standbys if may_look else None)
    if most < CONNECTIONS:
        yield note("connections", f"max_connections = {most}", f"Set it to {CONNECTIONS} or more.")
    yield _clock(began + took / 2 - theirs)


def _replica(cell: Cell) -> Iterator[Finding]:
    if cell.replica is None:
        return
    advice = "The primary serves lists and documents: look where OMS_READ_DATABASE_URL leads to."
    with cell.database.reading() as connection:
        written = connection.execute(_WRITTEN).scalar_one()
    try:
        with cell.replica.reading() as connection:
            standby, behind = connection.execute(_REPLAYED, {"written": written}).one()
    except UNAVAILABLE as error:
        yield note("replica", f"does not answer: {type(error).__name__}", advice)
        return
    if not standby:
        yield note("replica", "is no standby", advice)
    elif behind > MOST_BEHIND:
        advice = "The primary serves until it has caught up: look what delays the replay."
        yield note("replica", f"{behind:,} bytes of the log behind", advice)
    else:
        yield ok("replica", f"a standby, {behind:,} bytes of the log behind")


def _version(version: int, took: float) -> Finding:
    found = f"PostgreSQL {version}, answers in {took * 1000:.0f} ms"
    if OLDEST <= version <= NEWEST:
        return ok("database", found)
    return note("database", found, f"Tested with PostgreSQL {OLDEST} to {NEWEST}: use one of them.")


def _replication(commit: str, names: str, standbys: str | None) -> Finding:
    """`standbys` are those that commits wait for; None when nobody may look."""
    if commit in ("off", "local") and (names or commit == "off"):
        advice = "Set synchronous_commit = on: else a crash loses orders that were answered."
        return wrong("replication", f"synchronous_commit = {commit}", advice)
    if not names:
        advice = "Give it a synchronous standby where losing its disk must lose no order."
        return note("replication", "no synchronous standby", advice)
    if standbys is None:
        advice = "To see whether it is there: GRANT pg_monitor TO the role of OMS_DATABASE_URL."
        return note("replication", f"synchronous_standby_names = {names}", advice)
    if not standbys:
        advice = "No commit is answered until a standby connects: start it, or drop the setting."
        return wrong("replication", f"synchronous_standby_names = {names}, none is there", advice)
    return ok("replication", f"synchronous to {standbys}")


def _clock(ahead: float) -> Finding:
    found = f"{ahead:+.2f} s from the database's"
    if abs(ahead) <= SKEW:
        return ok("clock", found)
    return note("clock", found, "Synchronize the clocks of all machines (chrony).")


def _key(cell: Cell) -> Iterator[Finding]:
    try:
        cell.require_key()
    except (WrongMasterKey, MissingMasterKey) as error:
        yield wrong("master key", "not the one of this ledger", str(error))
    else:
        yield ok("master key", "the one of this ledger")


def _moves(cell: Cell) -> Iterator[Finding]:
    """Accounts between two cells, and what is kept of those that have left.

    One that leaves takes no orders until its move goes on.
    """
    with cell.database.snapshot() as connection:
        moving, gone = hosting.moving(connection), hosting.gone(connection)
    for account, state in moving:
        found = f"{account} is {state}"
        advice = "Run its `oms-ledger account move` again, or with --abort."
        yield (wrong if state == hosting.LEAVING else note)("moves", found, advice)
    if gone:
        more = f" and {len(gone) - SOME} more" if len(gone) > SOME else ""
        found = f"{', '.join(gone[:SOME])}{more}: left, and their persons can still be read here"
        advice = "Run `oms-ledger account forget NAME` for those that are not to return here."
        yield note("moves", found, advice)


def _processes(cell: Cell) -> Iterator[Finding]:
    query = select(process_metrics.c.kind, process_metrics.c.at)
    with cell.database.snapshot() as connection:
        rows = connection.execute(query).all()
    now = cell.clock.micros()
    alive = [kind for kind, at in rows if now - at < GONE * 1_000_000]
    found = ", ".join(f"{alive.count(kind)} {kind}" for kind in (*PROCESSES, EVERY_PROCESS))
    missing = [kind for kind in PROCESSES if not {kind, EVERY_PROCESS} & set(alive)]
    if missing:
        yield note("processes", found, f"Start what is missing: {', '.join(missing)}.")
    else:
        yield ok("processes", found)
