"""A replay as a job: it is over when the subscription has passed what it was put back from.

The subscription was put back when the job was asked for; its own runner does the work.
"""

from oms_ledger.services.jobs.job_kind import Arguments, JobRun, Step
from projections.subscriptions import checkpoints


class ReplayArguments(Arguments):
    """Of which subscription; events after `since` up to `until` are evaluated again."""

    subscription: str
    since: int
    until: int


async def step(run: JobRun, arguments: ReplayArguments) -> Step:
    """Look how far it is; the next look is when the scheduler reconciles."""
    total = arguments.until - arguments.since
    position = await run.cell.read(checkpoints.position, arguments.subscription)
    if position is None:
        return Step(run.job.done, total, result={"outcome": "the subscription was removed"})
    done = max(0, min(position, arguments.until) - arguments.since)
    if position >= arguments.until:
        return Step(total, total, result={"outcome": "replayed"})
    return Step(done, total, later=True)
