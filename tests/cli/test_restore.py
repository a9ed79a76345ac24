"""A backup is restored, and the erasures that came after it are done again."""

import asyncio
import shutil
import sqlite3

from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.settings import Settings
from tests.support.purchases import ACCOUNT, open_account, place_paid

EMAIL = "ana@example.com"


def test_a_restored_ledger_forgets_again_who_was_erased_after_the_backup(tmp_path, monkeypatch):
    runner = CliRunner()
    live, backup, restored = (tmp_path / name for name in ("live", "backup", "restored"))
    for name in ("OMS_DATABASE_URL", "OMS_MASTER_KEY", "OMS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(folder, *arguments: str) -> str:
        monkeypatch.setenv("OMS_DATA_DIR", str(folder))
        answer = runner.invoke(app, list(arguments))
        assert answer.exit_code == 0, answer.output
        return answer.output

    run(live, "migrate")
    cell = Cell(Settings.from_environment())

    async def story():
        await open_account(cell.ledger)
        await place_paid(cell.ledger, "v1-01")

    asyncio.run(story())
    backup.mkdir()
    with sqlite3.connect(live / "ledger.sqlite3") as source:
        source.execute(f"VACUUM INTO '{backup / 'ledger.sqlite3'}'")
    source.close()
    shutil.copy(live / "master.key", backup)
    erase = ("erase", "--account", ACCOUNT, "--email", EMAIL, "--include-open")
    assert "from 1 orders" in run(live, *erase)
    cell.close()

    shutil.copytree(backup, restored)
    assert "agree with the chain" in run(restored, "verify")
    again = Cell(Settings.from_environment())
    assert asyncio.run(again.ledger.order(ACCOUNT, "v1-01")).placed.client_profile
    again.close()
    assert "from 1 orders" in run(restored, *erase)
    erased = Cell(Settings.from_environment())
    assert EMAIL not in repr(asyncio.run(erased.ledger.order(ACCOUNT, "v1-01")))
    erased.close()
    assert "agree with the chain" in run(restored, "verify")
