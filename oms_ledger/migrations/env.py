"""How Alembic reaches the database: over the connection that `migrate` hands it."""

from alembic import context

import projections.accounts.tables
import projections.carts.tables
import projections.conversation.tables
import projections.jobs.tables
import projections.masterdata.tables
import projections.offers.tables
import projections.operators.tables
import projections.outbox.tables
import projections.policies.tables
import projections.streams.tables
import projections.tables  # noqa: F401  (their tables join the metadata)
from oms_ledger.eventstore.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
