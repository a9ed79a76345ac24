"""Carts as they are stored: encrypted by a key of their own, written where nobody was faster."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from oms_ledger.carts.cart import Cart
from oms_ledger.eventstore.encryption import Encryption, decrypt, encrypt
from oms_ledger.orders.privacy.erase import names_of, spelled
from projections.carts.tables import cart_persons as p
from projections.carts.tables import carts as t
from projections.customers.index import person_hash

_DECODER = msgspec.json.Decoder(Cart)
_GET = select(t).where(t.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class StoredCart:
    """A cart with its version; `expires_at` in microseconds."""

    cart: Cart
    version: int
    expires_at: int
    data_key: bytes
    persons: frozenset[str]


def get(
    connection: Connection, encryption: Encryption, account: str, cart_id: str, now: int
) -> StoredCart | None:
    """The cart; None when there is none, it is another account's, or its time is over."""
    row = connection.execute(_GET, {"id": cart_id}).one_or_none()
    if row is None or row.account != account or row.expires_at <= now:
        return None
    data_key = bytes(row.data_key)
    key = encryption.unwrap(_place(cart_id), data_key)
    plain = decrypt(key, bytes(row.content), f"{_place(cart_id)}:{row.version}")
    cart = _DECODER.decode(plain)
    persons = frozenset(persons_of(encryption, cart))
    return StoredCart(cart, row.version, row.expires_at, data_key, persons)


def encoded(cart: Cart) -> bytes:
    """The cart as bytes, in the clear."""
    return msgspec.json.encode(cart)


def create(
    connection: Connection, encryption: Encryption, cart: Cart, *, now: int, expires_at: int
) -> StoredCart:
    data_key = encryption.new_key(_place(cart.id))
    connection.execute(
        insert(t).values(
            id=cart.id,
            account=cart.account,
            version=1,
            written_at=now,
            expires_at=expires_at,
            data_key=data_key,
            content=_sealed(encryption, data_key, cart, 1),
        )
    )
    persons = frozenset(persons_of(encryption, cart))
    _set_persons(connection, cart, persons)
    return StoredCart(cart, 1, expires_at, data_key, persons)


def replace(
    connection: Connection,
    encryption: Encryption,
    before: StoredCart,
    cart: Cart,
    *,
    now: int,
    expires_at: int,
) -> bool:
    """Write the cart over the version that was read; False when another write came first."""
    version = before.version + 1
    written = connection.execute(
        update(t)
        .where(t.c.id == cart.id, t.c.version == before.version)
        .values(
            version=version,
            written_at=now,
            expires_at=expires_at,
            content=_sealed(encryption, before.data_key, cart, version),
        )
    )
    if not written.rowcount:
        return False
    persons = frozenset(persons_of(encryption, cart))
    if persons != before.persons:
        _set_persons(connection, cart, persons)
    return True


def persons_change(encryption: Encryption, before: StoredCart, cart: Cart) -> bool:
    """Whether the cart would tell of others than before; then its write takes two statements."""
    return frozenset(persons_of(encryption, cart)) != before.persons


def persons_of(encryption: Encryption, cart: Cart) -> Iterable[str]:
    """Hashes by which the persons of a cart are found: e-mail and document."""
    names = set(names_of(cart.profile or {}))
    if cart.written_by is not None:
        names.add(("email", spelled("email", cart.written_by)))
    return (person_hash(encryption, cart.account, *name) for name in sorted(names))


def remove_expired(connection: Connection, now: int, limit: int) -> int:
    """Delete carts whose time is over, no more than the limit; how many."""
    found = select(t.c.id).where(t.c.expires_at <= now).order_by(t.c.expires_at).limit(limit)
    ids = list(connection.execute(found).scalars())
    _remove(connection, ids)
    return len(ids)


def of_person(
    connection: Connection, encryption: Encryption, account: str, kind: str, value: str
) -> list[str]:
    """The ids of the carts that tell of a person: by `email` or `document`."""
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


def _set_persons(connection: Connection, cart: Cart, persons: frozenset[str]) -> None:
    connection.execute(delete(p).where(p.c.cart == cart.id))
    if persons:
        fields = [{"account": cart.account, "name": one, "cart": cart.id} for one in persons]
        connection.execute(insert(p), fields)


def _sealed(encryption: Encryption, data_key: bytes, cart: Cart, version: int) -> bytes:
    key = encryption.unwrap(_place(cart.id), data_key)
    return encrypt(key, encoded(cart), f"{_place(cart.id)}:{version}")


def _place(cart_id: str) -> str:
    return f"cart:{cart_id}"
