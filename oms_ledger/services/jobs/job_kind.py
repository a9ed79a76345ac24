"""What a kind of job is: its arguments, who may ask for it, and its steps."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import Connection

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from projections.jobs import jobs
from projections.jobs.jobs import Job


class Arguments(BaseModel):
    """Checked when a job is asked for and each time that it is carried on."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to: stored, with what `store` writes, in one transaction.

    A `result` is the end of the job. With `later` there is nothing to do just now. `personal` is
    kept encrypted while the job lasts.
    """

    done: int
    total: int | None
    place: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    later: bool = False
    store: Callable[[Connection], None] | None = None


def sealed_as(job_id: str) -> str:
    """What everything that is encrypted for a job is bound to."""
    return f"job:{job_id}"


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job in somebody's hands, before its next step."""

    cell: Cell
    job: Job
    personal: Mapping[str, Any]

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what was stored for the job."""
        return self.cell.encryption.open(sealed, sealed_as(self.job.id))

    @property
    def context(self) -> CommandContext:
        """On behalf of whoever asked for it; whatever is recorded names the job as its cause."""
        return CommandContext(self.job.account, self.job.actor, f"job:{self.job.id}")


@dataclass(frozen=True)
class JobKind:
    """`operation` is the one whose permission it takes to ask for it, to see it and to cancel it.

    A step may be done twice when its process dies: what it does besides `Step.store` has to be
    of the kind that changes nothing the second time.
    """

    name: str
    operation: str
    arguments: type[Arguments]
    step: Callable[[JobRun, Any], Awaitable[Step]]
    by_name: bool = False
    """Whether `POST /api/ledger/jobs` takes it; the others have an operation of their own."""
    cancellable: bool = True
    bounded: bool = True
    """Whether it counts among the jobs that an account may have under way at a time."""
    personal: frozenset[str] = frozenset()
    """Arguments that name a person: encrypted, and forgotten when the job is over."""
    kept: int | None = jobs.KEPT
    """Microseconds that the row is kept when the job is over; for good with None."""
    forget: Callable[[Connection, Sequence[str]], None] | None = None
    """Drops what jobs stored besides their rows, when the time of these is over."""
