"""Tables of jobs. Instants are microseconds since 1970 UTC."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from oms_ledger.eventstore.tables import BIG, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    # What names a person, encrypted; gone when the job is over.
    Column("personal", LargeBinary),
    Column("state", Text, nullable=False),
    Column("done", BIG, nullable=False),
    Column("total", BIG),
    Column("place", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("started_at", BIG),
    Column("finished_at", BIG),
    Column("result", Text),
    Column("failure", Text),
    Index("jobs_account", "account", "created_at"),
    Index("jobs_state", "state", "created_at"),
    Index("jobs_finished", "finished_at"),
)

job_inputs = Table(
    "job_inputs",
    metadata,
    Column("job", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Encrypted, as it may name persons; gone when the job is over.
    Column("content", LargeBinary, nullable=False),
)
