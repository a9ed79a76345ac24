"""How Alembic reaches the database: over the connection that `migrate` hands it."""

from alembic import context

import projections.tables
from oms_ledger.ledger.tables import metadata

assert projections.tables.metadata is metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
