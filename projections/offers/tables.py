"""The table of offers. `low` and `high` bound the postal codes of a delivery, in a form that
compares as it should; they are empty where a row has none."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import metadata

# Compared by code points, whatever the database's language.
_CODE = Text().with_variant(Text(collation="C"), "postgresql")

offers = Table(
    "offers",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", _CODE, primary_key=True),
    Column("seller", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("low", _CODE, nullable=False),
    Column("high", _CODE, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("offers_place", "account", "kind", "country", "low"),
    Index("offers_seller", "account", "kind", "seller"),
)
