"""The queue of connectors: operations on orders, and results that are sent, as messages.

Bodies are encrypted: they hold who bought, and where a connector is reached.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.notifications.channel import CONNECTOR, INTEGRATION
from projections.outbox import messages
from projections.outbox.messages import COLUMNS, WAITING, StoredMessage, stored_message
from projections.outbox.tables import outbox_messages as t

KEPT = timedelta(days=30)
RESULT = "processing-result"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a connector asked for: `flow` is PlaceOrder or ApproveOrder, `status` new or approved.

    `body` is what was sent until it was processed; `results` are the envelopes afterwards.
    """

    id: str
    account: str
    affiliate: str
    marketplace_order_id: str
    flow: str
    status: str
    endpoint: str | None
    body: dict[str, Any] | None
    results: tuple[dict[str, Any], ...] = ()


def _key(operation: Operation) -> str:
    """The queue of one order."""
    return "/".join(
        ("integration", operation.account, operation.affiliate, operation.marketplace_order_id)
    )


def enqueue(connection: Connection, operation: Operation, encryption: Encryption, now: int) -> None:
    """Put an operation at the end of its order's queue."""
    key = _key(operation)
    last = select(func.max(t.c.position)).where(
        t.c.ordering_key == key, t.c.channel == INTEGRATION.name
    )
    position = max(now, (connection.execute(last).scalar_one_or_none() or 0) + 1)
    row = _row(operation, INTEGRATION.name, operation.flow, operation.id, position, now)
    row |= {"body": _sealed(operation, encryption), "number": secrets.randbelow(2**31)}
    messages.enqueue(connection, [row])


def _row(
    operation: Operation, channel: str, kind: str, message_id: str, position: int, now: int
) -> dict[str, Any]:
    return {
        "id": message_id,
        "channel": channel,
        "account": operation.account,
        "recipient": f"affiliate:{operation.affiliate}",
        "ordering_key": _key(operation),
        "position": position,
        "number": 0,
        "order_id": None,
        "version": 0,
        "kind": kind,
        "key": operation.id,
        "state": WAITING,
        "produced_at": now,
        "since": now,
        "due_at": now,
    }


def _sealed(operation: Operation, encryption: Encryption) -> bytes:
    content = {
        "flow": operation.flow,
        "status": operation.status,
        "endpoint": operation.endpoint,
        "body": operation.body,
        "results": operation.results,
        "affiliate": operation.affiliate,
        "marketplaceOrderId": operation.marketplace_order_id,
    }
    return seal(content, encryption, operation.id)


def seal(content: object, encryption: Encryption, message_id: str) -> bytes:
    """The content as a message keeps it: encrypted, to be opened in this message alone."""
    sealed = encryption.seal(json.dumps(content).encode(), f"integration:{message_id}")
    return json.dumps({"sealed": sealed.hex()}).encode()


def opened(message: StoredMessage, encryption: Encryption) -> Any:
    """The content of a message that `seal` made."""
    sealed = bytes.fromhex(message.body["sealed"])
    return json.loads(encryption.open(sealed, f"integration:{message.id}"))


def operation_of(message: StoredMessage, encryption: Encryption) -> Operation:
    """The connector's operation that a message of the queue is."""
    content = opened(message, encryption)
    return Operation(
        message.id,
        message.account,
        content["affiliate"],
        content["marketplaceOrderId"],
        content["flow"],
        content["status"],
        content["endpoint"],
        content["body"],
        tuple(content["results"]),
    )


def conclude(
    connection: Connection,
    message: StoredMessage,
    operation: Operation,
    produced: Sequence[tuple[str, bytes]],
    encryption: Encryption,
    now: int,
) -> None:
    """Keep the results instead of what was sent, and have each sent under its id, in order."""
    connection.execute(
        update(t).where(t.c.id == message.id).values(body=_sealed(operation, encryption))
    )
    rows = []
    for number, (message_id, body) in enumerate(produced):
        row = _row(operation, CONNECTOR.name, RESULT, message_id, message.position, now)
        rows.append({**row, "number": number, "body": body})
    if rows:
        messages.enqueue(connection, rows)


def get(connection: Connection, account: str, operation_id: str) -> StoredMessage | None:
    """The account's operation of that id, whatever has become of it."""
    query = select(*COLUMNS).where(
        t.c.id == operation_id, t.c.account == account, t.c.channel == INTEGRATION.name
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else stored_message(row)


def notifications_of(connection: Connection, message: StoredMessage) -> list[StoredMessage]:
    """The results of an operation on their way, in their order."""
    query = select(*COLUMNS).where(
        t.c.ordering_key == message.ordering_key,
        t.c.channel == CONNECTOR.name,
        t.c.key == message.id,
    )
    rows = connection.execute(query.order_by(t.c.position, t.c.number))
    return [stored_message(row) for row in rows]


def forget(connection: Connection, now: int) -> None:
    """Delete operations and results that ended 30 days ago."""
    old = t.c.completed_at < now - KEPT // _MICROSECOND
    ours = t.c.channel.in_((INTEGRATION.name, CONNECTOR.name))
    connection.execute(delete(t).where(ours, t.c.state != WAITING, old))
