"""Hooks: their configuration, secrets and pauses, and the destination of their cursors."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Vault
from oms_ledger.notifications.webhook import notice_body
from projections.notifications.deliveries import (
    courier_cursor,
    hook_cursor,
    owe,
    requeue,
)
from projections.notifications.feeds import SECOND
from projections.subscriptions import checkpoints as cursors
from projections.subscriptions.checkpoints import now_micros
from projections.subscriptions.kinds import Kind
from projections.subscriptions.notification import Notice
from projections.subscriptions.sink import Told, fence, forget
from projections.tables import cursors as cursor_table
from projections.tables import deliveries, hooks

UNUSED = 3 * 86_400 * SECOND
BOTH_SECRETS = 86_400
"""Seconds that the former secret goes on signing beside a new one, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as configured; instants in microseconds.

    `secret` is empty in a request for configuration. `failures` in a row, and until when it is
    left alone because of them (`opens_at`).
    """

    app_key: str
    account: str
    filter: dict[str, Any]
    url: str
    headers: dict[str, str]
    secret: str = ""
    former_secret: str | None = None
    former_until: int = 0
    failures: int = 0
    opens_at: int = 0
    paused_at: int | None = None

    def may_be_told(self, now: int) -> bool:
        return self.paused_at is None and self.opens_at <= now

    def signing(self, now: int) -> tuple[str, ...]:
        """The secrets that sign at this instant: two while one is rotated."""
        former = self.former_secret
        return (self.secret,) if not former or now >= self.former_until else (self.secret, former)


class HookDeliveries(Told):
    """Destination of a hook's cursor: what the hook is owed.

    `owed_more` is set when something was kept, for whoever tells the hook.
    """

    def __init__(
        self,
        database: Database,
        app_key: str,
        account: str,
        filter: dict[str, Any],
    ) -> None:
        super().__init__(database, hook_cursor(app_key), account, filter)
        self.app_key = app_key
        self.owed_more = False

    def keep(self, connection: Connection, notices: Sequence[Notice]) -> None:
        now, key = now_micros(), self.app_key
        rows = [
            {
                "position": notice.position,
                "event_id": notice.event_id,
                "order_id": notice.order_id,
                "notice": notice_body(self.account, key, notice),
                "produced_at": now,
                "due_at": now,
                "replayed": notice.replayed,
            }
            for notice in notices
        ]
        fresh = [{**row, "app_key": key} for row in rows if not row["replayed"]]
        if fresh:
            connection.execute(insert(deliveries), fresh)
        owe(connection, key, [row for row in rows if row["replayed"]])
        mine = hooks.c.app_key == key
        connection.execute(update(hooks).where(mine).values(last_notice_at=now))
        self.owed_more = True


def get(connection: Connection, app_key: str, vault: Vault) -> Hook | None:
    row = connection.execute(select(hooks).where(hooks.c.app_key == app_key)).one_or_none()
    return None if row is None else _hook(row, vault)


def _hook(row: Row[Any], vault: Vault) -> Hook:
    place = hook_cursor(row.app_key)
    former = row.former_secret
    return Hook(
        app_key=row.app_key,
        account=row.account,
        filter=json.loads(row.filter),
        url=row.url,
        headers=json.loads(vault.open(bytes(row.headers), place)),
        secret=vault.open(bytes(row.secret), place).decode(),
        former_secret=None if former is None else vault.open(bytes(former), place).decode(),
        former_until=row.former_until,
        failures=row.failures,
        opens_at=row.opens_at,
        paused_at=row.paused_at,
    )


def configure(connection: Connection, hook: Hook, head: int, vault: Vault) -> str | None:
    """Create or replace; the signing secret of a new hook, None for a known one.

    An equal configuration leaves cursor, pending pushes and memory of fired orders alone; what is
    known of the endpoint's failures is forgotten, since it has just answered a ping.
    """
    place, known = hook_cursor(hook.app_key), get(connection, hook.app_key, vault)
    values: dict[str, Any] = {
        "account": hook.account,
        "filter": json.dumps(hook.filter),
        "url": hook.url,
        "headers": vault.seal(json.dumps(hook.headers).encode(), place),
        "failures": 0,
        "opens_at": 0,
    }
    if known is None:
        secret, now = new_secret(), now_micros()
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
        cursors.create(connection, courier_cursor(hook.app_key), cursors.AT_NO_PLACE)
        return secret
    if known.filter != hook.filter:
        forget(connection, place)
        fence(connection, place)
    _change(connection, hook.app_key, values)
    return None


def _change(connection: Connection, app_key: str, values: dict[str, Any]) -> bool:
    """Change a hook, and have whoever tells it now begin anew; False when there is none.

    Everybody locks the cursors of a hook before the hook itself.
    """
    fence(connection, courier_cursor(app_key))
    mine = hooks.c.app_key == app_key
    return connection.execute(update(hooks).where(mine).values(values)).rowcount > 0


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def rotate(
    connection: Connection, app_key: str, vault: Vault, both_for: int = BOTH_SECRETS
) -> tuple[str, int] | None:
    """A new secret, and until when the former one signs too; None when there is no hook.

    `both_for` in seconds; with 0 the former secret is worth nothing from now on.
    """
    known, secret = get(connection, app_key, vault), new_secret()
    if known is None:
        return None
    place, until = hook_cursor(app_key), now_micros() + both_for * SECOND
    values = {
        "secret": vault.seal(secret.encode(), place),
        "former_secret": vault.seal(known.secret.encode(), place) if both_for else None,
        "former_until": until,
    }
    _change(connection, app_key, values)
    return secret, until


def pause(connection: Connection, app_key: str) -> bool:
    """From now on it is told nothing, and owed all the same; False when there is no hook."""
    return _change(connection, app_key, {"paused_at": now_micros()})


def resume(connection: Connection, app_key: str) -> bool:
    """It is told again, beginning with what was owed; the three days of each notice begin anew."""
    values = {"paused_at": None, "resumed_at": now_micros(), "failures": 0, "opens_at": 0}
    return _change(connection, app_key, values)


def remove(connection: Connection, app_key: str) -> bool:
    """The hook, what it is owed and its cursors; False when there is none."""
    for cursor in (hook_cursor(app_key), courier_cursor(app_key)):
        cursors.drop(connection, cursor)
    forget(connection, hook_cursor(app_key))
    connection.execute(delete(deliveries).where(deliveries.c.app_key == app_key))
    return connection.execute(delete(hooks).where(hooks.c.app_key == app_key)).rowcount > 0


def remove_unused(connection: Connection, now: int, head: int) -> list[str]:
    """Remove hooks without a notice for three days that owe none; their keys.

    A hook that has not judged every entry up to `head` may owe one, so it stays. Its cursor is
    locked first: whoever judges waits, and finds its cursor gone with nothing owed.
    """
    stale = hooks.c.last_notice_at < now - UNUSED
    gone = []
    for key in connection.execute(select(hooks.c.app_key).where(stale)).scalars().all():
        mine = cursor_table.c.id == hook_cursor(key)
        query = select(cursor_table.c.position).where(mine).with_for_update()
        position = connection.execute(query).scalar_one_or_none()
        pending = select(deliveries.c.position).where(deliveries.c.app_key == key).limit(1)
        still = select(hooks.c.app_key).where(hooks.c.app_key == key, stale)
        if (
            position is not None
            and position >= head
            and connection.execute(pending).first() is None
            and connection.execute(still).first() is not None
        ):
            remove(connection, key)
            gone.append(key)
    return gone


def of_account(connection: Connection, account: str | None, vault: Vault) -> list[Hook]:
    """The hooks of an account, or all."""
    query = select(hooks).order_by(hooks.c.account, hooks.c.app_key)
    if account is not None:
        query = query.where(hooks.c.account == account)
    return [_hook(row, vault) for row in connection.execute(query)]


def destinations(connection: Connection, database: Database, account: str) -> list[HookDeliveries]:
    """Of all hooks of the account, in a stable order."""
    query = (
        select(hooks.c.app_key, hooks.c.filter)
        .where(hooks.c.account == account)
        .order_by(hooks.c.app_key)
    )
    return [
        HookDeliveries(database, row.app_key, account, json.loads(row.filter))
        for row in connection.execute(query)
    ]


def _destination(database: Database, vault: Vault, app_key: str) -> HookDeliveries | None:
    with database.reading() as connection:
        hook = get(connection, app_key, vault)
    if hook is None:
        return None
    return HookDeliveries(database, app_key, hook.account, hook.filter)


KIND = Kind("hook", _destination, requeue)
