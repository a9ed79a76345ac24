"""An order as it was right after an entry, for all the filters that look into it."""

from datetime import datetime
from typing import Any

from oms_ledger.integrations.jsonata import EvaluationError, Expression
from oms_ledger.ledger.entry import Row
from oms_ledger.orders.documents import filter_document
from oms_ledger.orders.order import Order


class Version:
    """What filters read of the order's document is built when the first of them asks for it."""

    def __init__(self, row: Row, order: Order, at: datetime) -> None:
        self.row = row
        self.order = order
        self.at = at
        self._documents: dict[object, dict[str, Any]] = {}
        self._truths: dict[str, bool | EvaluationError] = {}

    def document(self, expression: Expression) -> dict[str, Any]:
        """The parts of the document that the expression reads, or all of it."""
        if "whole" not in self._documents:
            self._documents["whole"] = filter_document(self.order)
        return self._documents["whole"]

    def truth(self, expression: Expression) -> bool:
        """The expression's value as `$boolean` casts it; `EvaluationError` when it fails."""
        truth = self._truths.get(expression.text)
        if truth is None:
            try:
                truth = expression.truthy(self.document(expression), self.at)
            except EvaluationError as error:
                truth = error
            self._truths[expression.text] = truth
        if isinstance(truth, EvaluationError):
            raise truth
        return truth
