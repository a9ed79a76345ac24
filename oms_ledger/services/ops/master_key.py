"""Replace the master key: whatever it encrypts is encrypted anew, page by page.

Events are not touched: their personal data is encrypted by keys of the orders, and those keys are
wrapped by the master key. What the deployment signs by (ids of profiles, hashes of e-mails, tokens)
stays as it is: the secret for it was made of the first master key, and is kept under the new one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, Table, func, select, tuple_, update

from oms_ledger.eventstore import key_check
from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.tables import data_keys
from projections import tables
from projections.carts.tables import carts
from projections.conversation.tables import mail_providers
from projections.jobs.tables import job_inputs, jobs
from projections.masterdata.tables import trigger_secrets
from projections.operators import directory
from projections.operators.tables import operators
from projections.outbox.tables import outbox_messages
from projections.streams.tables import outgoing_streams

PAGE = 500
ALIVE = 15_000_000  # microseconds since a process gave its last sign


class ProcessesRunning(Exception):
    """Processes of the deployment would go on writing by the old key."""


class UnreadableSecret(Exception):
    """A stored value opens by neither of the two keys."""


@dataclass(frozen=True)
class Sealed:
    """Columns that the master key encrypts, and what each value is bound to."""

    table: Table
    columns: tuple[str, ...]
    context: Callable[[Any], str]


SEALED = (
    Sealed(data_keys, ("wrapped",), lambda row: row.stream),
    Sealed(carts, ("data_key",), lambda row: f"cart:{row.id}"),
    Sealed(
        tables.hooks,
        ("headers", "secret", "previous_secret"),
        lambda row: f"hook:{row.app_key}",
    ),
    Sealed(tables.gateways, ("credentials",), lambda row: f"gateway:{row.account}"),
    Sealed(
        tables.sellers,
        ("secrets",),
        lambda row: f"external-seller:{row.account}/{row.seller}",
    ),
    Sealed(
        tables.affiliates,
        ("secrets",),
        lambda row: f"affiliate:{row.account}/{row.affiliate}",
    ),
    Sealed(trigger_secrets, ("secret",), lambda row: f"trigger-secret:{row.account}"),
    Sealed(
        mail_providers,
        ("url",),
        lambda row: f"mail-provider:{row.account}/{row.name}",
    ),
    Sealed(operators, ("second_factor",), lambda row: directory.place(row.id)),
    Sealed(jobs, ("personal",), lambda row: f"job:{row.id}"),
    Sealed(job_inputs, ("content",), lambda row: f"job:{row.job}"),
    Sealed(outgoing_streams, ("url",), lambda row: f"outgoing-stream:{row.name}"),
    Sealed(outbox_messages, ("body",), lambda row: f"integration:{row.id}"),
)


def count(database: Database) -> int:
    """Rows that are looked at."""
    with database.snapshot() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(one.table)).scalar_one()
            for one in SEALED
        )


def rotate(database: Database, old: bytes, new: bytes) -> Iterator[int]:
    """Go over to a new key; yields how many rows were looked at as it goes.

    Cut short at any point it is begun again with the same two keys. Until it is through, no
    process starts, with either key.
    """
    if key_check.is_current(database, new):
        return
    _require_nobody(database)
    key_check.begin_rotation(database, old, new)
    keys = Encryption(old), Encryption(new)
    done = 0
    for one in SEALED:
        for looked_at in _reseal_table(database, one, *keys):
            done += looked_at
            yield done
    key_check.end_rotation(database, new)


def _require_nobody(database: Database) -> None:
    """Refuse while a process gave a sign of life lately."""
    t = tables.process_metrics
    query = select(t.c.process).where(t.c.at > database.clock.micros() - ALIVE)
    with database.reading() as connection:
        running = sorted(connection.execute(query).scalars())
    if running:
        raise ProcessesRunning(
            f"stop the deployment first: {', '.join(running[:5])} gave a sign within 15 s"
        )


def _reseal_table(
    database: Database, sealed: Sealed, old: Encryption, new: Encryption
) -> Iterator[int]:
    table, keys = sealed.table, list(sealed.table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        query = select(*keys, *(table.c[name] for name in sealed.columns)).order_by(*keys)
        if after is not None:
            query = query.where(tuple_(*keys) > tuple_(*after))
        with database.writing() as connection:
            page = connection.execute(query.limit(PAGE)).all()
            for row in page:
                _reseal(connection, sealed, row, old, new)
        if not page:
            return
        after = tuple(page[-1][: len(keys)])
        yield len(page)


def _reseal(
    connection: Connection, sealed: Sealed, row: Row[Any], old: Encryption, new: Encryption
) -> None:
    context, values = sealed.context(row), dict[str, bytes]()
    for name in sealed.columns:
        stored = getattr(row, name)
        if stored is None:
            continue
        inner, wrap = _inner(bytes(stored)) if name == "body" else (bytes(stored), bytes)
        if inner is None or _opens(new, inner, context):
            continue
        try:
            values[name] = wrap(new.seal(old.open(inner, context), context))
        except InvalidTag:
            raise UnreadableSecret(f"{sealed.table.name}.{name} of {context}") from None
    if values:
        keys = [column == getattr(row, column.name) for column in sealed.table.primary_key.columns]
        connection.execute(update(sealed.table).where(*keys).values(values))


def _opens(encryption: Encryption, sealed: bytes, context: str) -> bool:
    try:
        encryption.open(sealed, context)
    except InvalidTag:
        return False
    return True


def _inner(body: bytes) -> tuple[bytes | None, Callable[[bytes], bytes]]:
    """What is sealed inside the body of a message, if anything, and how it is put back."""
    fields = json.loads(body)
    if not isinstance(fields, dict) or set(fields) != {"sealed"}:
        return None, bytes
    return bytes.fromhex(fields["sealed"]), lambda fresh: json.dumps(
        {"sealed": fresh.hex()}
    ).encode()
