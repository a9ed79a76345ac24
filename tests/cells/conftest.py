"""Two cells with their tables, on either database."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import MASTER_KEY, prepared_database
from tests.support.cells import TwoCells, two_cells


@pytest.fixture(params=["sqlite", "postgresql"])
def cells(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoCells]:
    with two_cells(partial(prepared_database, request.param), tmp_path, MASTER_KEY) as both:
        yield both


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[TwoCells]:
    with two_cells(partial(prepared_database, "sqlite"), tmp_path, MASTER_KEY) as both:
        yield both
