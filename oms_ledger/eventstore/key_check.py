"""A digest of the master key in the database: who comes with another key is told so at once.

Without it, what a process with a wrong key writes could never be read beside the rest.
"""

import hashlib

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.eventstore.database import Database
from oms_ledger.eventstore.encryption import Encryption, ForeignDataKey
from oms_ledger.eventstore.tables import data_keys, key_checks

MASTER = "master"


class WrongMasterKey(Exception):
    """The key of this process is not the one that the ledger was begun with."""

    def __init__(self) -> None:
        super().__init__(
            "The master key is not the one that this ledger was begun with. Set OMS_MASTER_KEY to"
            " that key on every machine, or put master.key back into OMS_DATA_DIR from the backup."
        )


def require(database: Database, key: bytes) -> None:
    """Hold the key against the digest; the first key that fits what is there leaves it."""
    digest = hashlib.sha256(b"check" + key).digest()
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
    """A ledger from before there was a digest: any of its data keys tells."""
    with database.reading() as connection:
        one = connection.execute(select(data_keys).limit(1)).one_or_none()
    if one is not None:
        try:
            Encryption(key).unwrap(one.stream, bytes(one.wrapped))
        except ForeignDataKey:
            raise WrongMasterKey from None
