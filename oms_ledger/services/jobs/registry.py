"""Every kind of job there is. What a row or a request names is looked up here, and nowhere else."""

from oms_ledger.services.jobs.job_kind import JobKind
from oms_ledger.services.ops import rebuilding, verifying
from oms_ledger.services.placement import importing
from oms_ledger.services.privacy import steps as erasure
from oms_ledger.services.subscriptions import replaying

KINDS: dict[str, JobKind] = {
    kind.name: kind
    for kind in (
        JobKind("import", "import_orders", importing.ImportArguments, importing.step),
        JobKind(
            "erasure",
            "erase_person",
            erasure.ErasureArguments,
            erasure.step,
            by_name=True,
            # Half an erasure helps nobody: the person is found no more, and is still there.
            cancellable=False,
            personal=frozenset({"value"}),
        ),
        JobKind(
            "replay",
            "hook_replay",
            replaying.ReplayArguments,
            replaying.step,
            cancellable=False,
            bounded=False,
        ),
        JobKind(
            "rebuild",
            "system",
            rebuilding.RebuildArguments,
            rebuilding.step,
            by_name=True,
        ),
        JobKind("verify", "system", verifying.VerifyArguments, verifying.step, by_name=True),
    )
}
