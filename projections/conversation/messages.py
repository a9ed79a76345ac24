"""What was said about orders: messages as they were sent or came in, and the parties' aliases.

The content of a message is sealed by the data key of its order: erasing the person empties it.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, delete, select

from oms_ledger.eventstore.encryption import Encryption, decrypt, encrypt
from oms_ledger.eventstore.records import order_stream
from oms_ledger.eventstore.tables import data_keys
from projections.conversation.tables import conversation_aliases as a
from projections.conversation.tables import conversation_messages as t
from projections.subscriptions.notification import insert_missing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """`at` in microseconds; `content` is None once the person was erased."""

    occasion: str
    at: int
    content: Json | None


# Statements are made once: every mail runs them.
_KEY = select(data_keys.c.wrapped).where(data_keys.c.stream == bindparam("of"))
_OF_ORDER = (
    select(t.c.occasion, t.c.at, t.c.content)
    .where(t.c.account == bindparam("whose"), t.c.order_id == bindparam("order"))
    .order_by(t.c.at, t.c.occasion)
)
_OF_OCCASION = _OF_ORDER.where(t.c.occasion == bindparam("said_at"))


def key_of(connection: Connection, encryption: Encryption, stream: str) -> AESGCM | None:
    """The order's data key, as the database has it now."""
    wrapped = connection.execute(_KEY, {"of": stream}).scalar_one_or_none()
    return None if wrapped is None else encryption.unwrap(stream, bytes(wrapped))


def add(
    connection: Connection,
    encryption: Encryption,
    account: str,
    order_id: str,
    message: RecordedMessage,
) -> bool | None:
    """Record what was said; False where something was said at the occasion, which stays.

    None where the order's key is gone, and nothing can be recorded.
    """
    stream = order_stream(account, order_id)
    key = key_of(connection, encryption, stream)
    if key is None:
        return None
    plain = json.dumps(message.content).encode()
    row = {
        "account": account,
        "order_id": order_id,
        "occasion": message.occasion,
        "at": message.at,
        "content": encrypt(key, plain, _place(stream, message.occasion)),
    }
    return insert_missing(connection, t, [row]) > 0


def of_order(
    connection: Connection,
    encryption: Encryption,
    account: str,
    order_id: str,
    occasion: str | None = None,
) -> list[RecordedMessage]:
    """Everything that was said about an order, the oldest first; or at one occasion alone."""
    stream = order_stream(account, order_id)
    of = {"whose": account, "order": order_id}
    if occasion is None:
        found = connection.execute(_OF_ORDER, of).all()
    else:
        found = connection.execute(_OF_OCCASION, {**of, "said_at": occasion}).all()
    key = key_of(connection, encryption, stream) if found else None
    return [
        RecordedMessage(name, at, None if key is None else _opened(key, stream, name, content))
        for name, at, content in found
    ]


def occasion_of(
    connection: Connection, encryption: Encryption, account: str, order_id: str, occasion: str
) -> RecordedMessage | None:
    """The message that was recorded for an occasion of the order; None where none was."""
    return next(iter(of_order(connection, encryption, account, order_id, occasion)), None)


def _opened(key: AESGCM, stream: str, occasion: str, content: bytes) -> Json:
    fields: Json = json.loads(decrypt(key, bytes(content), _place(stream, occasion)))
    return fields


def _place(stream: str, occasion: str) -> str:
    return f"{stream}/conversation/{occasion}"


def add_aliases(
    connection: Connection, account: str, order_id: str, parties: Mapping[str, str]
) -> None:
    """Keep whom an order's aliases stand for: by alias the party."""
    rows = [
        {"account": account, "alias": alias.lower(), "order_id": order_id, "party": party}
        for alias, party in parties.items()
    ]
    insert_missing(connection, a, rows)


def aliases(
    connection: Connection, account: str, addresses: Collection[str]
) -> list[tuple[str, str, str]]:
    """Alias, order and party of those addresses that are aliases of the account."""
    query = select(a.c.alias, a.c.order_id, a.c.party).where(
        a.c.account == account, a.c.alias.in_([one.lower() for one in addresses])
    )
    return [tuple(row) for row in connection.execute(query.order_by(a.c.alias))]


def forget_aliases(connection: Connection, account: str, order_ids: Collection[str]) -> None:
    """Take the aliases of orders out: one may show its person's address."""
    ours = (a.c.account == account, a.c.order_id.in_(list(order_ids)))
    connection.execute(delete(a).where(*ours))
