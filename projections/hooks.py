"""Hooks: their configuration, and the notices that each is owed until they are told."""

import base64
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from oms_ledger.integrations.notices import KEPT_FOR, notice_body
from oms_ledger.ledger.database import Database
from oms_ledger.ledger.vault import Vault
from projections import cursors, dead_letters
from projections.cursors import now_micros
from projections.dead_letters import Letter
from projections.feeds import SECOND
from projections.kinds import Kind
from projections.notices import Notice, event_id, put, put_absent
from projections.tables import attempts, deliveries, hooks
from projections.told import Told, fence, forget

UNUSED = 3 * 86_400 * SECOND
CIRCUIT_FAILURES, CIRCUIT_PAUSE = 20, 30 * SECOND


def cursor_of(app_key: str) -> str:
    return f"hook:{app_key}"


@dataclass(frozen=True, slots=True)
class Hook:
    app_key: str
    account: str
    filter: dict[str, Any]
    url: str
    headers: dict[str, str]
    secret: str
    failures: int = 0
    opens_at: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice owed: `body` is what is posted."""

    position: int
    event_id: str
    order_id: str
    body: str
    produced_at: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when it began and how long it took (microseconds), and what came back."""

    delivery: Delivery
    at: int
    duration: int
    outcome: str
    accepted: bool
    next_at: int = 0


class HookDeliveries(Told):
    """Destination of a hook's cursor: what the hook is owed."""

    def __init__(self, database: Database, hook: Hook) -> None:
        super().__init__(database, cursor_of(hook.app_key), hook.account, hook.filter)
        self._hook = hook

    def keep(self, connection: Connection, notices: Sequence[Notice]) -> None:
        now, hook = now_micros(), self._hook
        owed = [
            {
                "app_key": hook.app_key,
                "position": notice.position,
                "event_id": notice.event_id,
                "order_id": notice.order_id,
                "notice": notice_body(hook.account, hook.app_key, notice),
                "produced_at": now,
                "due_at": now,
                "replayed": notice.replayed,
            }
            for notice in notices
        ]
        put(connection, deliveries, owed)
        mine = hooks.c.app_key == hook.app_key
        connection.execute(update(hooks).where(mine).values(last_notice_at=now))


def get(connection: Connection, app_key: str, vault: Vault) -> Hook | None:
    row = connection.execute(select(hooks).where(hooks.c.app_key == app_key)).one_or_none()
    if row is None:
        return None
    place = cursor_of(app_key)
    return Hook(
        app_key=app_key,
        account=row.account,
        filter=json.loads(row.filter),
        url=row.url,
        headers=json.loads(vault.open(bytes(row.headers), place)),
        secret=vault.open(bytes(row.secret), place).decode(),
        failures=row.failures,
        opens_at=row.opens_at,
    )


def configure(connection: Connection, hook: Hook, head: int, vault: Vault) -> str | None:
    """Create or replace; the signing secret of a new hook, None for a known one."""
    place, known = cursor_of(hook.app_key), get(connection, hook.app_key, vault)
    values: dict[str, Any] = {
        "account": hook.account,
        "filter": json.dumps(hook.filter),
        "url": hook.url,
        "headers": vault.seal(json.dumps(hook.headers).encode(), place),
        "failures": 0,
        "opens_at": 0,
    }
    if known is None:
        secret = new_secret()
        now = now_micros()
        connection.execute(
            insert(hooks).values(
                **values,
                app_key=hook.app_key,
                secret=vault.seal(secret.encode(), place),
                generation=secrets.token_hex(4),
                created_at=now,
                last_notice_at=now,
            )
        )
        cursors.create(connection, place, head)
        return secret
    connection.execute(update(hooks).where(hooks.c.app_key == hook.app_key).values(**values))
    if known.filter != hook.filter:
        forget(connection, place)
    if (known.filter, known.url, known.headers) != (hook.filter, hook.url, hook.headers):
        fence(connection, place)
    return None


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def remove(connection: Connection, app_key: str) -> bool:
    cursors.drop(connection, cursor_of(app_key))
    forget(connection, cursor_of(app_key))
    connection.execute(delete(deliveries).where(deliveries.c.app_key == app_key))
    return connection.execute(delete(hooks).where(hooks.c.app_key == app_key)).rowcount > 0


def due(
    connection: Connection, app_key: str, now: int, busy: Collection[str], limit: int
) -> list[Delivery]:
    """What is owed now: of each order only its oldest notice, so that an order's go in order."""
    earlier = deliveries.alias()
    overtakes = (
        select(earlier.c.position)
        .where(
            earlier.c.app_key == app_key,
            earlier.c.order_id == deliveries.c.order_id,
            earlier.c.position < deliveries.c.position,
        )
        .exists()
    )
    query = (
        select(deliveries)
        .where(deliveries.c.app_key == app_key, deliveries.c.due_at <= now, ~overtakes)
        .order_by(deliveries.c.position)
        .limit(limit)
    )
    if busy:
        query = query.where(deliveries.c.order_id.not_in(list(busy)))
    return [
        Delivery(r.position, r.event_id, r.order_id, r.notice, r.produced_at, r.attempts)
        for r in connection.execute(query)
    ]


def record(connection: Connection, app_key: str, made: Sequence[Attempt]) -> None:
    """What came of some attempts: told, to be tried again, or dead after three days."""
    mine = deliveries.c.app_key == app_key
    for attempt in made:
        delivery = attempt.delivery
        this = and_(mine, deliveries.c.position == delivery.position)
        connection.execute(
            insert(attempts).values(
                app_key=app_key,
                position=delivery.position,
                attempt=delivery.attempts + 1,
                at=attempt.at,
                duration=attempt.duration,
                outcome=attempt.outcome,
            )
        )
        if attempt.accepted:
            connection.execute(delete(deliveries).where(this))
        elif attempt.at - delivery.produced_at > KEPT_FOR.total_seconds() * SECOND:
            _bury(connection, app_key, attempt)
            connection.execute(delete(deliveries).where(this))
        else:
            again = {"attempts": delivery.attempts + 1, "due_at": attempt.next_at}
            connection.execute(update(deliveries).where(this).values(again))
    _circuit(connection, app_key, made)


def _circuit(connection: Connection, app_key: str, made: Sequence[Attempt]) -> None:
    mine = hooks.c.app_key == app_key
    if any(attempt.accepted for attempt in made):
        closed = {"failures": 0, "opens_at": 0}
        dirty = (hooks.c.failures > 0) | (hooks.c.opens_at > 0)
        connection.execute(update(hooks).where(mine, dirty).values(closed))
        return
    failures = hooks.c.failures + len(made)
    connection.execute(update(hooks).where(mine).values(failures=failures))
    opened = mine & (hooks.c.failures >= CIRCUIT_FAILURES)
    until = now_micros() + CIRCUIT_PAUSE
    connection.execute(update(hooks).where(opened).values(opens_at=until))


def _bury(connection: Connection, app_key: str, attempt: Attempt) -> None:
    owed = attempt.delivery
    letter = Letter(owed.position, owed.order_id, attempt.outcome, attempt.at, owed.body)
    dead_letters.bury(connection, cursor_of(app_key), [letter])


def requeue(connection: Connection, app_key: str, letters: Sequence[Letter]) -> None:
    """Dead notices are owed again; their attempts are counted on."""
    now = now_micros()
    positions = [letter.position for letter in letters]
    made = (
        select(attempts.c.position, func.max(attempts.c.attempt))
        .where(attempts.c.app_key == app_key, attempts.c.position.in_(positions))
        .group_by(attempts.c.position)
    )
    count = {position: number for position, number in connection.execute(made)}
    owed = [
        {
            "app_key": app_key,
            "position": letter.position,
            "event_id": event_id(cursor_of(app_key), letter.position),
            "order_id": letter.order_id,
            "notice": letter.content,
            "produced_at": now,
            "due_at": now,
            "attempts": count.get(letter.position, 0),
        }
        for letter in letters
    ]
    put_absent(connection, deliveries, owed)


def with_due(connection: Connection, now: int) -> list[str]:
    """The cursors of hooks that are owed something now and whose circuit is closed."""
    query = (
        select(deliveries.c.app_key)
        .join(hooks, hooks.c.app_key == deliveries.c.app_key)
        .where(deliveries.c.due_at <= now, hooks.c.opens_at <= now)
        .distinct()
    )
    return [cursor_of(key) for key in connection.execute(query).scalars()]


def unused(connection: Connection, now: int) -> list[str]:
    """Hooks without a notice for three days, and none pending."""
    pending = select(deliveries.c.app_key)
    query = select(hooks.c.app_key).where(
        hooks.c.last_notice_at < now - UNUSED, hooks.c.app_key.not_in(pending)
    )
    return list(connection.execute(query).scalars())


def owed(connection: Connection) -> dict[str, int]:
    query = select(deliveries.c.app_key, func.count()).group_by(deliveries.c.app_key)
    return {key: count for key, count in connection.execute(query)}


def of_accounts(connection: Connection, accounts: Sequence[str]) -> list[str]:
    query = select(hooks.c.app_key).where(hooks.c.account.in_(accounts))
    return [cursor_of(key) for key in connection.execute(query).scalars()]


def _destination(database: Database, vault: Vault, app_key: str) -> HookDeliveries | None:
    with database.reading() as connection:
        hook = get(connection, app_key, vault)
    return None if hook is None else HookDeliveries(database, hook)


KIND = Kind("hook", _destination, requeue)
