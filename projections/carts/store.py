"""Carts as they are stored: encrypted by a key of their own, written where nobody was faster."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Row, bindparam, delete, insert, select, tuple_, update

from oms_ledger.carts.cart import Cart
from oms_ledger.eventstore.encryption import Encryption, decrypt, encrypt
from oms_ledger.orders.privacy.erase import names_of, spelled
from projections.carts.tables import cart_persons as p
from projections.carts.tables import carts as t
from projections.customers.index import person_hash
from projections.offers.lookup import edition_of

_DECODER = msgspec.json.Decoder(Cart)
_COLUMNS = (
    t.c.id,
    t.c.version,
    t.c.expires_at,
    t.c.data_key,
    t.c.content,
    edition_of(t.c.account).label("edition"),
)
_NOT_OVER = t.c.expires_at > bindparam("now")
_GET_ONE = select(*_COLUMNS).where(t.c.id == bindparam("id"), _NOT_OVER)
_GET = select(*_COLUMNS).where(t.c.id.in_(bindparam("ids", expanding=True)), _NOT_OVER)
_EXPIRED = (
    select(t.c.id, t.c.expires_at)
    .where(t.c.expires_at <= bindparam("now"), t.c.expires_at >= bindparam("since"))
    .order_by(t.c.expires_at)
    .limit(bindparam("most", type_=Integer()))
)
_INSERT = insert(t)
_UPDATE = (
    update(t)
    .where(t.c.id == bindparam("cart"), t.c.version == bindparam("before"))
    .values(
        {
            name: bindparam(name)
            for name in ("version", "written_at", "expires_at", "content", "summary")
        }
    )
)
_FORGET_PERSONS = delete(p).where(p.c.cart == bindparam("its_cart"))
_INSERT_PERSONS = insert(p)


@dataclass(frozen=True, slots=True)
class StoredCart:
    """A cart with its version; `expires_at` in microseconds.

    `edition` is that of the account's table of offers, read in the same statement.
    """

    cart: Cart
    version: int
    expires_at: int
    data_key: bytes
    edition: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CartWrite:
    """A cart to be written over the version `before`; 0 for a new one.

    `persons` are those it names, where they are others than before.
    """

    id: str
    account: str
    before: int
    now: int
    expires_at: int
    content: bytes
    data_key: bytes
    summary: str
    persons: frozenset[str] | None = None


def get(
    connection: Connection, encryption: Encryption, cart_ids: Sequence[str], now: int
) -> list[StoredCart]:
    """The carts of these ids that there are, and whose time is not over."""
    if len(cart_ids) == 1:
        rows = connection.execute(_GET_ONE, {"id": cart_ids[0], "now": now})
    else:
        rows = connection.execute(_GET, {"ids": cart_ids, "now": now})
    return [_opened(encryption, *row) for row in rows]


def _opened(
    encryption: Encryption,
    cart_id: str,
    version: int,
    expires_at: int,
    data_key: bytes,
    content: bytes,
    edition: bytes | None,
) -> StoredCart:
    data_key = bytes(data_key)
    key = encryption.unwrap(_place(cart_id), data_key)
    plain = decrypt(key, bytes(content), f"{_place(cart_id)}:{version}")
    its_edition = None if edition is None else bytes(edition)
    return StoredCart(_DECODER.decode(plain), version, expires_at, data_key, its_edition)


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What lists show of a cart; `group` is what its last filling was placed as."""

    sales_channel: str
    lines: int
    units: int
    group: str | None


_SUMMARY = msgspec.json.Decoder(Summary)


def summary_of(cart: Cart) -> Summary:
    """What lists show of a cart without opening it."""
    return Summary(
        cart.sales_channel,
        len(cart.lines),
        sum(line.quantity for line in cart.lines),
        cart.placed.group if cart.placed else None,
    )


def _summarized(cart: Cart) -> str:
    return msgspec.json.encode(summary_of(cart)).decode()


@dataclass(frozen=True, slots=True)
class ListedCart:
    """A line of a list of carts; instants in microseconds."""

    id: str
    summary: Summary
    version: int
    written_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class LookedAtCart:
    """A cart as it is stored; instants in microseconds."""

    cart: Cart
    version: int
    written_at: int
    expires_at: int


def listed(
    connection: Connection,
    encryption: Encryption,
    account: str,
    now: int,
    *,
    limit: int,
    before: tuple[int, str] | None = None,
) -> list[ListedCart]:
    """The account's carts whose time is not over, by when it will be, latest first.

    None is opened but those of before there were summaries.
    """
    columns = (t.c.id, t.c.summary, t.c.version, t.c.written_at, t.c.expires_at)
    query = select(*columns).where(t.c.account == account, t.c.expires_at > now)
    if before is not None:
        query = query.where(tuple_(t.c.expires_at, t.c.id) < tuple_(*before))
    found = query.order_by(t.c.expires_at.desc(), t.c.id.desc()).limit(limit)
    rows = connection.execute(found).all()
    old = [row.id for row in rows if row.summary is None]
    opened = connection.execute(select(t).where(t.c.id.in_(old))) if old else ()
    carts = {row.id: _looked_at(encryption, row).cart for row in opened}
    return [
        ListedCart(
            row.id,
            summary_of(carts[row.id]) if row.summary is None else _SUMMARY.decode(row.summary),
            *row[2:],
        )
        for row in rows
        if row.summary is not None or row.id in carts
    ]


def look(
    connection: Connection, encryption: Encryption, account: str, cart_id: str, now: int
) -> LookedAtCart | None:
    """One cart as it is stored; None where `get` finds none."""
    query = select(t).where(t.c.id == cart_id, t.c.account == account, t.c.expires_at > now)
    row = connection.execute(query).one_or_none()
    return None if row is None else _looked_at(encryption, row)


def _looked_at(encryption: Encryption, row: Row[Any]) -> LookedAtCart:
    key = encryption.unwrap(_place(row.id), bytes(row.data_key))
    plain = decrypt(key, bytes(row.content), f"{_place(row.id)}:{row.version}")
    return LookedAtCart(_DECODER.decode(plain), row.version, row.written_at, row.expires_at)


def encoded(cart: Cart) -> bytes:
    """The cart as bytes, in the clear."""
    return msgspec.json.encode(cart)


def new(encryption: Encryption, cart: Cart, *, now: int, expires_at: int) -> CartWrite:
    """The write of a cart that nobody knows yet."""
    data_key = encryption.new_key(_place(cart.id))
    return CartWrite(
        id=cart.id,
        account=cart.account,
        before=0,
        now=now,
        expires_at=expires_at,
        content=_sealed(encryption, data_key, cart.id, encoded(cart), 1),
        data_key=data_key,
        summary=_summarized(cart),
        persons=frozenset(_persons_of(encryption, cart)),
    )


def over(
    encryption: Encryption,
    before: StoredCart,
    cart: Cart,
    plain: bytes,
    *,
    now: int,
    expires_at: int,
) -> CartWrite:
    """The write of a cart, `plain` in bytes, over the one that was read."""
    same = cart.profile == before.cart.profile and cart.written_by == before.cart.written_by
    return CartWrite(
        id=cart.id,
        account=cart.account,
        before=before.version,
        now=now,
        expires_at=expires_at,
        content=_sealed(encryption, before.data_key, cart.id, plain, before.version + 1),
        data_key=before.data_key,
        summary=_summarized(cart),
        persons=None if same else frozenset(_persons_of(encryption, cart)),
    )


def is_one_statement(write: CartWrite) -> bool:
    """Whether the write needs no transaction around it."""
    return bool(write.before) and write.persons is None


def carry_out(connection: Connection, write: CartWrite) -> bool:
    """Write a cart; False when somebody else wrote it since it was read."""
    fields = {
        "version": write.before + 1,
        "written_at": write.now,
        "expires_at": write.expires_at,
        "content": write.content,
        "summary": write.summary,
    }
    if not write.before:
        its_own = {"id": write.id, "account": write.account, "data_key": write.data_key}
        connection.execute(_INSERT, fields | its_own)
    else:
        found = connection.execute(_UPDATE, fields | {"cart": write.id, "before": write.before})
        if not found.rowcount:
            return False
    if write.persons is not None:
        if write.before:
            connection.execute(_FORGET_PERSONS, {"its_cart": write.id})
        if write.persons:
            rows = [
                {"account": write.account, "name": one, "cart": write.id} for one in write.persons
            ]
            connection.execute(_INSERT_PERSONS, rows)
    return True


def _persons_of(encryption: Encryption, cart: Cart) -> Iterable[str]:
    """Hashes by which the persons of a cart are found: e-mail and document."""
    names = set(names_of(cart.profile or {}))
    if cart.written_by is not None:
        names.add(("email", spelled("email", cart.written_by)))
    return (person_hash(encryption, cart.account, *name) for name in sorted(names))


def remove_expired(connection: Connection, now: int, limit: int, since: int = 0) -> tuple[int, int]:
    """Delete carts whose time is over, no more than the limit: how many, and how far that is.

    With `since`, how far it was before, the index is not read again from its beginning, where
    PostgreSQL still has what was deleted.
    """
    found = connection.execute(_EXPIRED, {"now": now, "since": since, "most": limit}).all()
    _remove(connection, [row.id for row in found])
    return len(found), found[-1].expires_at if found else since


def of_person(
    connection: Connection, encryption: Encryption, account: str, kind: str, value: str
) -> list[str]:
    """The ids of the carts that name a person: by `email` or `document`."""
    name = person_hash(encryption, account, kind, spelled(kind, value))
    query = select(p.c.cart).where(p.c.account == account, p.c.name == name)
    return list(connection.execute(query.order_by(p.c.cart)).scalars())


def erase_person(
    connection: Connection, encryption: Encryption, account: str, kind: str, value: str
) -> int:
    """Delete the carts of a person with their keys; how many."""
    ids = of_person(connection, encryption, account, kind, value)
    _remove(connection, ids)
    for cart_id in ids:
        encryption.forget(_place(cart_id))
    return len(ids)


def _remove(connection: Connection, ids: list[str]) -> None:
    for at in range(0, len(ids), 500):
        some = ids[at : at + 500]
        connection.execute(delete(p).where(p.c.cart.in_(some)))
        connection.execute(delete(t).where(t.c.id.in_(some)))


def _sealed(
    encryption: Encryption, data_key: bytes, cart_id: str, plain: bytes, version: int
) -> bytes:
    place = _place(cart_id)
    return encrypt(encryption.unwrap(place, data_key), plain, f"{place}:{version}")


def _place(cart_id: str) -> str:
    return f"cart:{cart_id}"
