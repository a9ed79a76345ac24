"""Random sales with one side outside, on both databases: see `tests/model/outside_model.py`."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from oms_ledger.web import build
from tests.model.outside_model import outside_sales_in
from tests.support.outside_sales import opened


@pytest.mark.guarantee("G11", "G12", "G45", "G48")
def test_whatever_gets_lost_doubled_or_late_both_sides_agree_in_the_end(cell):
    with opened(cell) as beside:
        run_state_machine_as_test(
            outside_sales_in(beside, build(beside)),
            settings=settings(
                max_examples=6,
                stateful_step_count=14,
                deadline=None,
                phases=[Phase.generate],  # a failure gets as found: shrinking it takes too long
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
