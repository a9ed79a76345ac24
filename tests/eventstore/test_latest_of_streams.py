"""Streams looked at together: one statement for all who ask at once, each as it is now."""

import asyncio
from typing import Any

from sqlalchemy import event

from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.eventstore.folding import NOTHING
from oms_ledger.masterdata.streams import document_stream
from oms_ledger.services.masterdata.documents import Find, Save, delete, save
from tests.support.purchases import ACCOUNT, open_account

CTX = CommandContext(ACCOUNT, "key")


def stream(document_id: str) -> str:
    return document_stream(ACCOUNT, "E", document_id)


async def put(cell: Cell, document_id: str, **fields: Any) -> None:
    await save(cell, CTX, Save("E", {"id": document_id, **fields}, Find.BODY_ID))


def test_who_asks_at_once_is_answered_by_one_statement(cell: Cell) -> None:
    asyncio.run(open_account(cell.ledger))
    names = [f"d{at}" for at in range(20)]
    asyncio.run(_put_all(cell, names))
    statements: list[str] = []
    event.listen(
        cell.database.engine,
        "before_cursor_execute",
        lambda connection, _, statement, *rest: statements.append(statement),
    )

    async def all_read() -> list[Any]:
        return await asyncio.gather(*(cell.ledger.latest_of([stream(one)]) for one in names))

    found = asyncio.run(all_read())
    assert [one[stream(name)].state.id for one, name in zip(found, names, strict=True)] == names
    assert len([one for one in statements if "FROM events" in one]) == 1, statements


async def _put_all(cell: Cell, names: list[str]) -> None:
    for name in names:
        await put(cell, name)


def test_what_another_process_wrote_is_seen(cell: Cell) -> None:
    asyncio.run(open_account(cell.ledger))
    other = Cell(cell.settings)
    other.require_key()

    async def story() -> None:
        assert (await cell.ledger.latest_of([stream("a")])) == {stream("a"): NOTHING}
        await put(cell, "a", age=1)
        await put(other, "a", age=2)
        await put(other, "b", age=3)
        found = await cell.ledger.latest_of([stream("a"), stream("b"), stream("c")])
        assert found[stream("a")].state.fields == {"age": 2}
        assert found[stream("a")].version == 2
        assert found[stream("b")].state.fields == {"age": 3}
        assert found[stream("c")] == NOTHING
        await delete(other, CTX, "E", "a")
        after = (await cell.ledger.latest_of([stream("a")]))[stream("a")]
        assert not after.state.exists
        assert after.state.fields == {}

    try:
        asyncio.run(story())
    finally:
        other.close()


def test_a_stream_that_cannot_be_read_fails_alone(cell: Cell) -> None:
    asyncio.run(open_account(cell.ledger))

    async def story() -> None:
        await put(cell, "good")
        await put(cell, "bad")
        for name in ("good", "bad"):
            cell.ledger.loader.forget(stream(name))
            cell.encryption.forget(stream(name))
        with cell.database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE events SET name = 'nobody-knows' WHERE stream = '" + stream("bad") + "'"
            )
        bad, good = await asyncio.gather(
            cell.ledger.latest_of([stream("bad")]),
            cell.ledger.latest_of([stream("good")]),
            return_exceptions=True,
        )
        assert isinstance(bad, Exception)
        assert isinstance(good, dict)
        assert good[stream("good")].state.id == "good"

    asyncio.run(story())
