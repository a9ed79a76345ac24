"""Runs of triggers, as messages of the channel `trigger` in the outbox."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from oms_ledger.masterdata.entity import Entity
from oms_ledger.notifications.channel import TRIGGER
from projections.outbox.messages import (
    COLUMNS,
    DEAD,
    DONE,
    SKIPPED,
    STATES,
    WAITING,
    StoredMessage,
    stored_message,
)
from projections.outbox.tables import outbox_messages as t

PROFILES = "(profiles)"
"""Stands for schema and trigger of the runs that save the clients of placed orders."""
CANCELLED = "cancelled"
"""Why a run is skipped whose trigger went before it began."""
SHOWN = {"waiting": WAITING, "done": DONE, "dead": DEAD, "skipped": SKIPPED, CANCELLED: SKIPPED}
"""The states of a run as operators read them, and those of its message."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a message of the channel says: which trigger, and of which version of the entity."""

    message: StoredMessage
    entity: str
    schema: str
    trigger: str
    entity_version: int
    chain: int

    @property
    def id(self) -> str:
        """The id that a run has whenever it is worked out."""
        return self.message.id

    @property
    def account(self) -> str:
        """Whose trigger it is."""
        return self.message.account

    @property
    def stream(self) -> str:
        """The stream of the document or order that fired it."""
        return self.message.ordering_key

    @property
    def version(self) -> int:
        """The version that fired it."""
        return self.message.version

    @property
    def actor(self) -> str:
        """The author of what the run does."""
        return f"trigger:{self.entity}/{self.schema}/{self.trigger}"

    @property
    def state(self) -> str:
        """As the API shows it: a key of `SHOWN`."""
        return _shown(self.message.state, self.message.skip_reason == CANCELLED)


def _shown(state: str, cancelled: bool) -> str:
    return CANCELLED if cancelled else next(one for one, of in SHOWN.items() if of == state)


def run_of(message: StoredMessage) -> Run:
    """The run that a message of the channel `trigger` is."""
    body = message.body
    return Run(
        message,
        body["entity"],
        body["schema"],
        body["trigger"],
        body["entityVersion"],
        body["chain"],
    )


def body_of(entity: str, schema: str, trigger: str, entity_version: int, chain: int) -> bytes:
    """What `run_of` reads; `entity_version` is 0 before anything was configured."""
    fields = {
        "entity": entity,
        "schema": schema,
        "trigger": trigger,
        "entityVersion": entity_version,
        "chain": chain,
    }
    return json.dumps(fields).encode()


def recipient_of(entity: str, schema: str, trigger: str) -> str:
    """Name a trigger: neither an entity's nor a trigger's name has a slash."""
    return f"{entity}/{schema}/{trigger}"


def _place(recipient: str) -> tuple[str, str]:
    """The schema and the trigger of a recipient."""
    schema, _, trigger = recipient.partition("/")[2].rpartition("/")
    return schema, trigger


def _of_entity(account: str, entity: str) -> ColumnElement[bool]:
    return and_(
        t.c.channel == TRIGGER.name,
        t.c.account == account,
        t.c.recipient.startswith(f"{entity}/", autoescape=True),
    )


def cancel_gone(connection: Connection, account: str, entity: Entity, now: int) -> None:
    """Runs that have not begun go with their trigger, or while it is not active."""
    active = {
        recipient_of(entity.name, schema.name, trigger.name)
        for schema in entity.schemas.values()
        for trigger in schema.triggers
        if trigger.active
    }
    ours = and_(_of_entity(account, entity.name), t.c.state == WAITING)
    for recipient in connection.execute(select(t.c.recipient).where(ours).distinct()).scalars():
        if _place(recipient) == (PROFILES, PROFILES) or recipient in active:
            continue
        gone = (t.c.recipient == recipient, t.c.attempts == 0, t.c.claimed_until <= now)
        _cancel(connection, and_(ours, *gone), now)


def cancel_about(connection: Connection, streams: Sequence[str], now: int) -> None:
    """Cancel what waits about these streams."""
    about = and_(
        t.c.ordering_key.in_(list(streams)), t.c.channel == TRIGGER.name, t.c.state == WAITING
    )
    _cancel(connection, about, now)


def _cancel(connection: Connection, condition: ColumnElement[bool], now: int) -> None:
    values = {
        "state": SKIPPED,
        "skip_reason": CANCELLED,
        "completed_at": now,
        "claim": None,
        "claimed_until": 0,
    }
    connection.execute(update(t).where(condition).values(values))


def listed(
    connection: Connection,
    account: str,
    entity: str,
    schema: str,
    trigger: str,
    state: str | None = None,
    limit: int = 100,
) -> list[Run]:
    """The runs of a trigger, the newest first; `state` as operators read it."""
    query = select(*COLUMNS).where(
        t.c.channel == TRIGGER.name,
        t.c.account == account,
        t.c.recipient == recipient_of(entity, schema, trigger),
        t.c.state.in_(STATES if state is None else (SHOWN[state],)),
    )
    if state == CANCELLED:
        query = query.where(t.c.skip_reason == CANCELLED)
    elif state == "skipped":
        query = query.where(or_(t.c.skip_reason.is_(None), t.c.skip_reason != CANCELLED))
    rows = connection.execute(query.order_by(t.c.position.desc()).limit(limit))
    return [run_of(stored_message(row)) for row in rows]


def counted(
    connection: Connection, account: str, entity: str
) -> dict[tuple[str, str], dict[str, int]]:
    """By schema and trigger, how many runs are in each state."""
    key = (t.c.recipient, t.c.state, t.c.skip_reason)
    query = select(*key, func.count()).where(t.c.state.in_(STATES), _of_entity(account, entity))
    content: dict[tuple[str, str], dict[str, int]] = {}
    for recipient, state, reason, count in connection.execute(query.group_by(*key)):
        counts = content.setdefault(_place(recipient), {})
        shown = _shown(state, reason == CANCELLED)
        counts[shown] = counts.get(shown, 0) + count
    return content


def oldest_waiting(connection: Connection, account: str, entity: str) -> dict[tuple[str, str], int]:
    """When the next waiting run of each trigger is due, in microseconds, by schema and name."""
    query = select(t.c.recipient, func.min(t.c.due_at)).where(
        t.c.state == WAITING, _of_entity(account, entity)
    )
    rows = connection.execute(query.group_by(t.c.recipient))
    return {_place(recipient): at for recipient, at in rows}
