"""Two cells of one directory, in one process: each with a database, a web application, a clock."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oms_ledger.api.http.forwarding import Forwarding
from oms_ledger.cell import Cell
from oms_ledger.directory import Directory, KnownCell
from oms_ledger.settings import Settings
from oms_ledger.web import build
from tests.support import over_http
from tests.support.client import Answer, Client
from tests.support.clock import SettableClock
from tests.support.patience import HANGS


@dataclass
class TwoCells:
    """`a` and `b`; the web application of `b` is behind a socket, that of `a` in process."""

    a: Cell
    b: Cell
    directory: Directory

    def add(self, cell: Cell, app: Any, accounts: list[str]) -> None:
        """Have the directory know a cell whose application is served here."""
        assert cell.settings.cell is not None
        known = KnownCell(cell.settings.cell, over_http.serve(app), cell.settings.database_url)
        self.directory.add_cell(known, accounts)

    @property
    def both(self) -> tuple[Cell, Cell]:
        return self.a, self.b


@contextmanager
def two_cells(
    database: Callable[[Path], Any], folder: Path, master_key: bytes
) -> Iterator[TwoCells]:
    """`database` makes one with its tables in a folder, for as long as it is used."""
    clock = SettableClock()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # However slow the machine is, a request that is sent alone is not refused as too late.
        patch.setattr("oms_ledger.api.http.turns.PATIENCE", HANGS)
        directory_url = f"sqlite:///{folder / 'directory.sqlite3'}"
        directory = Directory(directory_url, clock)
        directory.create_tables()
        stack.callback(directory.close)
        cells = []
        for name in ("a", "b"):
            data = folder / name
            data.mkdir()
            url = stack.enter_context(database(data))
            settings = Settings(
                data_dir=data,
                database_url=url,
                master_key=master_key,
                cell=name,
                directory_url=directory_url,
            )
            cell = Cell(settings, clock)
            cell.require_key()
            stack.callback(cell.close)
            stack.callback(over_http.stop_all)
            cells.append(cell)
        yield TwoCells(cells[0], cells[1], directory)


def forwarding_of(app: Any) -> Forwarding:
    while not isinstance(app, Forwarding):
        app = app._app
    return app


def ask(app: Any, headers: dict[str, str], method: str, url: str, body: Any = None) -> Answer:
    """One request in process; what was opened to forward it is closed with its event loop."""

    async def answered() -> Answer:
        try:
            client = Client(app, headers, over_http=False)
            return await client.ask(method, url, body)
        finally:
            await forwarding_of(app).close()

    return asyncio.run(answered())


def application(cell: Cell) -> Any:
    return build(cell)


def close_forwarding(app: Any) -> None:
    """Close what an application that is behind a socket has opened to forward requests."""
    loop = over_http.loop_of(app)
    asyncio.run_coroutine_threadsafe(forwarding_of(app).close(), loop).result(HANGS)
