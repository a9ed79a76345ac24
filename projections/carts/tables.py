"""The table of carts. Instants are microseconds since 1970 UTC.

`content` is encrypted by the cart's own data key, which is wrapped in `data_key`; `persons` are
keyed hashes, by which a person who is erased is found. `summary` is what lists show of a cart, in
the clear: nothing of a person; null for carts of before there was one.
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

carts = Table(
    "carts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("written_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("summary", Text),
    Index("carts_expiry", "expires_at"),
    Index("carts_account", "account", "expires_at", "id"),
)

cart_persons = Table(
    "cart_persons",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("cart", Text, primary_key=True),
    Index("cart_persons_cart", "cart"),
)
