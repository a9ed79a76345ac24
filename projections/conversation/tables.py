"""Tables of mails: the account's own templates. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

mail_templates = Table(
    "mail_templates",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("changed_at", BIG, nullable=False),
    Column("changed_by", Text, nullable=False),
)
