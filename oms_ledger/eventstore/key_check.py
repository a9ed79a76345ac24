"""A digest of the master key in the database: a process with another key fails at once.

Without it, what a process with a wrong key writes could never be read beside the rest.
"""

import hashlib

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption, ForeignDataKey
from oms_ledger.eventstore.tables import data_keys, key_checks

MASTER, NEXT, SIGNING = "master", "next", "signing"


class WrongMasterKey(Exception):
    """The key of this process is not the one that the ledger was begun with."""

    def __init__(self) -> None:
        super().__init__(
            "The master key is not the one that this ledger was begun with. Set OMS_MASTER_KEY to"
            " that key on every machine, or put master.key back into OMS_DATA_DIR from the backup."
        )


class RotationUnfinished(Exception):
    """Some of what is stored is under the one key, some under the other."""

    def __init__(self) -> None:
        super().__init__(
            "A rotation of the master key was begun and not ended: run `oms-ledger master-key"
            " rotate` again with the same two keys."
        )


def is_current(database: Database, key: bytes) -> bool:
    """Whether the ledger is under this key, and no rotation is under way."""
    return _stored(database, MASTER) == _digest(key) and _stored(database, NEXT) is None


def signing_secret(database: Database, key: bytes) -> bytes | None:
    """The secret of the first master key, where a later one took its place."""
    sealed = _stored(database, SIGNING)
    return None if sealed is None else Encryption(key).open(sealed, SIGNING)


def begin_rotation(database: Database, old: bytes, new: bytes) -> None:
    """From here on no process starts; the secret that is signed by is kept under the new key."""
    following = _stored(database, NEXT)
    if _stored(database, MASTER) != _digest(old) or following not in (None, _digest(new)):
        raise WrongMasterKey
    if following is not None:
        return
    secret = Encryption(old, signing_secret(database, old)).secret
    with database.writing() as connection:
        connection.execute(delete(key_checks).where(key_checks.c.purpose == SIGNING))
        for purpose, value in (
            (NEXT, _digest(new)),
            (SIGNING, Encryption(new).seal(secret, SIGNING)),
        ):
            row = {"purpose": purpose, "digest": value}
            connection.execute(insert(key_checks).values(row))


def end_rotation(database: Database, new: bytes) -> None:
    """Take the new master key's check value for the only one."""
    with database.writing() as connection:
        connection.execute(delete(key_checks).where(key_checks.c.purpose.in_((MASTER, NEXT))))
        row = {"purpose": MASTER, "digest": _digest(new)}
        connection.execute(insert(key_checks).values(row))


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(b"check" + key).digest()


def _stored(database: Database, purpose: str) -> bytes | None:
    query = select(key_checks.c.digest).where(key_checks.c.purpose == purpose)
    with database.reading() as connection:
        found = connection.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def require(database: Database, key: bytes) -> None:
    """Hold the key against the digest; the first key that fits what is there leaves it."""
    digest = _digest(key)
    if _stored(database, NEXT) is not None:
        raise RotationUnfinished
    with database.reading() as connection:
        known = _known(connection)
    if known is None:
        _require_readable(database, key)
        dialect = sqlite if database.sqlite else postgresql
        row = {"purpose": MASTER, "digest": digest}
        with database.writing() as connection:
            connection.execute(dialect.insert(key_checks).values(row).on_conflict_do_nothing())
            known = _known(connection)
    if known != digest:
        raise WrongMasterKey


def _known(connection: Connection) -> bytes | None:
    query = select(key_checks.c.digest).where(key_checks.c.purpose == MASTER)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else bytes(found)


def _require_readable(database: Database, key: bytes) -> None:
    """A ledger from before there was a digest: any of its data keys shows it."""
    with database.reading() as connection:
        one = connection.execute(select(data_keys).limit(1)).one_or_none()
    if one is not None:
        try:
            Encryption(key).unwrap(one.stream, bytes(one.wrapped))
        except ForeignDataKey:
            raise WrongMasterKey from None
