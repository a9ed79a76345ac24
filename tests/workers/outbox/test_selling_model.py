"""Random sales over several accounts, on both databases: see `tests/model/selling_model.py`.

The long run is `python -m tests.model.soak_model`, part of `make soak`.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.selling_model import selling_in


def test_G6_G10_G11_G12_G15_whatever_happens_every_side_is_as_the_reference_says(cell):
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
