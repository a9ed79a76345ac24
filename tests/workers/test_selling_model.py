"""Random sales over several accounts, on both databases: `tests/selling_model.py` says what holds.

The long run is `python -m tests.soak_model`, part of `make soak`.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.selling_model import Selling


def test_G10_G11_G12_G15_whatever_happens_all_sides_of_a_sale_end_alike(cell):
    class Here(Selling):
        pass

    Here.cell = cell
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # a failure is told as found: shrinking it takes too long
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
