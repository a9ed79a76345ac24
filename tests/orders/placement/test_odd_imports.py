"""Whatever an imported document holds, it is refused, or every view of its order can be made."""

from datetime import UTC, datetime
from random import Random

import orjson
import pytest

from oms_ledger.orders.documents import filter_document, list_row, oms_document, pii_document
from oms_ledger.orders.documents.search_row import search_row
from oms_ledger.orders.documents.search_terms import terms_of
from oms_ledger.orders.evolve import evolve
from oms_ledger.orders.order_ids import LONGEST
from oms_ledger.orders.placement.importing import import_document
from oms_ledger.orders.refusals import InvalidPlacement
from tests.support.mutations import mutated
from tests.support.order_documents import NAMES, document

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.guarantee("G31", "G53")
@pytest.mark.parametrize("name", NAMES)
def test_an_import_is_refused_or_everything_can_be_shown_of_it(name):
    shown = 0
    for place, fields in mutated(document(name), Random(name), 1):
        try:
            order_id, imported = import_document(fields)
        except InvalidPlacement:
            continue
        order = evolve(None, imported, NOW, order_id, "acme")
        try:
            oms, row = oms_document(order), list_row(order)
            terms = [*map(list, terms_of(oms, row, order.placed.details))]
            orjson.dumps([oms, row, terms, pii_document(order), filter_document(order)])
            orjson.dumps(search_row(order))
        except Exception as error:
            error.add_note(place)
            raise
        assert len(order.placed.order_group) <= LONGEST
        shown += 1
    assert shown
