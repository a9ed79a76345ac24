"""Which accounts' configuration of before is still to be recorded."""

from sqlalchemy import Column, Table, Text

from oms_ledger.eventstore.tables import metadata

configuration_imports = Table(
    "configuration_imports",
    metadata,
    Column("account", Text, primary_key=True),
)
