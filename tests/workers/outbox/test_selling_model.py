"""Random sales over several accounts, on both databases: see `tests/model/selling_model.py`.

The long run is `python -m tests.model.soak_model`, part of `make soak`.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.selling_model import selling_in


@pytest.mark.guarantee("G6", "G10", "G11", "G12", "G15")
def test_whatever_happens_every_side_is_as_the_reference_says(cell):
    run_state_machine_as_test(
        selling_in(cell),
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # a failure gets as found: shrinking it takes too long
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
