"""An order as it was right after an event, for all the filters that look into it."""

from datetime import datetime
from typing import Any

from oms_ledger.eventstore.records import RecordedEvent
from oms_ledger.jsonata import EvaluationError, Expression, Reads
from oms_ledger.orders.documents import filter_facts, filter_parts
from oms_ledger.orders.documents.masking import mask_document
from oms_ledger.orders.order import Order


class OrderVersion:
    """What filters read of the order's document is built when the first of them asks for it."""

    def __init__(
        self, row: RecordedEvent, order: Order, at: datetime, *, masked: bool = False
    ) -> None:
        self.row = row
        self.at = at
        self._masked = masked
        self._facts = filter_facts(order)
        self._parts: dict[Reads, dict[str, Any]] = {}
        self._truths: dict[tuple[str, float], bool | EvaluationError] = {}

    def document(self, reads: Reads) -> dict[str, Any]:
        """The parts of the document that are read, or all of it; not to be changed."""
        document = self._parts.get(reads)
        if document is None:
            document = filter_parts(self._facts, reads)
            if self._masked:
                document = mask_document(document)
            self._parts[reads] = document
        return document

    def truth(self, expression: Expression, patience: float = 1) -> bool:
        """The expression's value as `$boolean` casts it; `EvaluationError` when it fails."""
        key = (expression.text, patience)
        truth = self._truths.get(key)
        if truth is None:
            try:
                truth = expression.truthy(self.document(expression.reads), self.at, patience)
            except EvaluationError as error:
                truth = error
            self._truths[key] = truth
        if isinstance(truth, EvaluationError):
            raise truth
        return truth
