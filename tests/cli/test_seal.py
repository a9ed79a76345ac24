"""A seal that is kept elsewhere shows what whoever can write the database did to it."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.eventstore.integrity import Anchor, IntegrityError, latest, verify
from tests.support.purchases import ACCOUNT, open_account, place_paid


async def _story(cell: Cell, first: int) -> None:
    if first == 1:
        await open_account(cell.ledger)
    for number in range(first, first + 2):
        await place_paid(cell.ledger, f"v{number}-01", number)


def anchored(cell: Cell) -> Anchor:
    asyncio.run(_story(cell, 1))
    anchor = latest(cell.store)
    assert anchor is not None
    assert anchor.position == cell.store.head()
    return anchor


def reseal(cell: Cell) -> None:
    """What ten lines do to a database: digests and seals made again, so that the chain holds."""
    rows = [row._replace(body=bytes(row.body), personal=row.personal and bytes(row.personal))
            for row in cell.store.page(0, 10_000)]  # fmt: skip
    digests = b"".join(row.digest() for row in rows)
    with cell.database.writing() as connection:
        for row in rows:
            connection.execute(
                text("UPDATE events SET digest = :d WHERE position = :p"),
                {"d": row.digest(), "p": row.position},
            )
        connection.execute(text("DELETE FROM seals"))
        connection.execute(
            text("INSERT INTO seals (position_to, position_from, seal) VALUES (:t, 1, :s)"),
            {"t": rows[-1].position, "s": hashlib.sha256(digests).digest()},
        )


def walk(cell: Cell, expected: Anchor) -> None:
    for _ in verify(cell.store, cell.store.head(), expected=expected):
        pass


@pytest.mark.guarantee("G67")
def test_a_chain_that_grew_is_the_one_that_was_sealed(cell: Cell) -> None:
    anchor = anchored(cell)
    walk(cell, anchor)
    asyncio.run(_story(cell, 3))
    walk(cell, anchor)


@pytest.mark.guarantee("G67")
def test_events_that_were_changed_and_sealed_again_are_found(cell: Cell) -> None:
    anchor = anchored(cell)
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE events SET actor = 'nobody' WHERE position = 3"))
    reseal(cell)
    list(verify(cell.store, cell.store.head()))  # by itself the chain shows nothing
    with pytest.raises(IntegrityError) as found:
        walk(cell, anchor)
    assert found.value.position == anchor.position


@pytest.mark.guarantee("G67")
def test_a_tail_that_was_cut_with_its_seals_is_found(cell: Cell) -> None:
    anchor = anchored(cell)
    with cell.database.writing() as connection:
        before = connection.execute(
            text("SELECT max(position_to) FROM seals WHERE position_to < :p"),
            {"p": anchor.position},
        ).scalar_one()
        for table, column in (("events", "position"), ("seals", "position_to")):
            connection.execute(text(f"DELETE FROM {table} WHERE {column} > :p"), {"p": before})
    list(verify(cell.store, cell.store.head()))
    with pytest.raises(IntegrityError) as found:
        walk(cell, anchor)
    assert found.value.position == before + 1


@pytest.mark.guarantee("G67")
def test_commands_print_and_expect_a_seal(
    cell: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    anchor = anchored(cell)
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    monkeypatch.setattr("oms_ledger.cli.maintenance.stale_views", lambda _: [])
    run = CliRunner().invoke
    assert run(app, ["seal"]).output.strip() == str(anchor)
    assert run(app, ["verify", "--expect", str(anchor)]).exit_code == 0
    other = Anchor(anchor.position, b"\0" * 32)
    failed = run(app, ["verify", "--expect", str(other)])
    assert failed.exit_code == 1
    assert f"position {anchor.position}" in failed.output
    assert run(app, ["verify", "--expect", "7"]).exit_code == 2


@pytest.mark.guarantee("G8")
def test_a_data_key_that_was_swapped_is_named_with_its_position(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchored(cell)
    first, second = f"{ACCOUNT}/v1-01", f"{ACCOUNT}/v2-01"
    with cell.database.writing() as connection:
        connection.execute(
            text(
                "UPDATE data_keys SET wrapped = (SELECT d.wrapped FROM data_keys d"
                " WHERE d.stream = :second) WHERE stream = :first"
            ),
            {"first": first, "second": second},
        )
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    said = CliRunner().invoke(app, ["verify"])
    position = next(row.position for row in cell.store.stream(first) if row.personal)
    assert said.exit_code == 1
    assert f"position {position}: the data key of {first}" in said.output
