"""G40, G41, G43, G44, G46: the soak in short, with one strike of each kind."""

from pathlib import Path

import pytest

from tests.soak.soak import DATABASES, Soak


@pytest.mark.guarantee("G40", "G41", "G43", "G46")
@pytest.mark.parametrize("database", DATABASES)
def test_a_short_soak_recounts_to_what_the_ledger_says(database: str, tmp_path: Path) -> None:
    with Soak(tmp_path, database, "short", short=True) as soak:
        soak.last(soak.each_kind_once())
        soak.clear_up()
    counts = soak.counts
    assert counts["orders"] > 0
    assert counts["feed shipped"]["items"] > 0
    assert counts["hook failing"]["pushes received"] > counts["hook failing"]["pending"]
