"""What commands write is for their own user, and what is not ours learns no secret (F4)."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from oms_ledger.cli.up import _withheld
from workers.runtime.supervisor import Supervisor


def test_files_of_a_command_are_for_its_user_alone(tmp_path):
    data = tmp_path / "data"
    environ = {**os.environ, "OMS_DATA_DIR": str(data), "OMS_DATABASE_URL": "", "REDIS_URL": ""}
    program = [sys.executable, "-c", "import os; os.umask(0o022)\n" + RUN]
    subprocess.run(program, env=environ, check=True, timeout=120, capture_output=True)
    found = [data, *data.rglob("*")]
    assert {path.name for path in found} >= {"data", "ledger.sqlite3"}
    assert [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


RUN = """
import sys
from oms_ledger.cli import main
sys.argv = ["oms-ledger", "migrate"]
main()
"""


def test_a_program_that_is_not_ours_gets_no_variable_of_ours(tmp_path: Path):
    environ = {
        **{"OMS_MASTER_KEY": "secret", "OMS_DATABASE_URL": "secret", "REDIS_URL": "secret"},
        **{"PGPASSWORD": "secret", "PATH": os.environ["PATH"], "HOME": "/root"},
    }
    written = tmp_path / "told"
    command = ["sh", "-c", f"env > {written}.new; mv {written}.new {written}; sleep 60"]
    supervisor = Supervisor({"redis": command}, environ, withheld=_withheld(["redis", "web"]))
    stopping = __import__("threading").Thread(target=_stop_once, args=(supervisor, written))
    stopping.start()
    supervisor.run()
    stopping.join()
    assert "secret" not in written.read_text()
    assert {"PATH", "HOME"} <= {line.partition("=")[0] for line in written.read_text().splitlines()}


def _stop_once(supervisor: Supervisor, written: Path) -> None:
    import time

    until = time.monotonic() + 60
    while not written.exists() and time.monotonic() < until:
        time.sleep(0.01)
    supervisor.stop()
