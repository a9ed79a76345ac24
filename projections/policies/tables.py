"""Tables of buying policies. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, Integer, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

policy_dimensions = Table(
    "policy_dimensions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Index("policy_dimensions_account", "account", "priority", "created_at", "id"),
)

order_authorizations = Table(
    "order_authorizations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("order_id", Text, nullable=False),
)
