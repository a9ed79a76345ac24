"""Every kind of job there is. What a row or a request names is looked up here, and nowhere else."""

from oms_ledger.services.exports import exporting
from oms_ledger.services.jobs.job_kind import JobKind
from oms_ledger.services.masterdata import revalidation
from oms_ledger.services.operators import bulk
from oms_ledger.services.ops import rebuilding, verifying
from oms_ledger.services.placement import importing
from oms_ledger.services.privacy import steps as erasure
from oms_ledger.services.subscriptions import replaying
from projections.exports import exports
from projections.masterdata import documents
from projections.operators import runs

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
        JobKind(
            exports.KIND,
            "export_orders",
            exporting.ExportArguments,
            exporting.step,
            # `concurrent_exports` bounds them: one more is refused.
            bounded=False,
            # Orders are searched by names and e-mails.
            personal=frozenset({"order_query"}),
            kept=exports.KEPT,
            forget=exports.forget_chunks,
        ),
        # Its report is kept, as the events of the orders name it.
        JobKind(runs.KIND, "bulk_run", bulk.RunArguments, bulk.step, kept=None),
        JobKind(
            documents.REVALIDATION,
            "write_schemas",
            revalidation.RevalidationArguments,
            revalidation.step,
            # Half of it would leave the view with answers of two schemas.
            cancellable=False,
            bounded=False,
        ),
        JobKind("verify", "system", verifying.VerifyArguments, verifying.step, by_name=True),
    )
}
