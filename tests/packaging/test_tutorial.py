"""The tutorial is followed word for word, and what it shows is what comes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.soak.deployment import free_port, until
from tests.support import servers

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-order.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tutorial_shows_what_comes(tmp_path: Path) -> None:
    port = free_port()
    blocks = BLOCK.findall(PAGE.read_text())
    commands = "".join(text for kind, text in blocks if kind == "sh")
    shown = "".join(text for kind, text in blocks if kind == "text")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMS_", "REDIS_"))}
    programs = Path(sys.executable).parent
    environ = {**kept, "OMS_PORT": str(port), "OMS_DEMO": "on"}
    environ["PATH"] = f"{programs}:{kept['PATH']}"
    with (tmp_path / "log").open("wb") as log:
        up = subprocess.Popen(
            [programs / "oms-ledger", "up"],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    note = Path(os.environ[servers.RUN]) / f"tutorial-{port}.pid"
    note.write_text(str(up.pid))  # left to the cleaner, should this run be killed

    def ready() -> bool:
        assert up.poll() is None, (tmp_path / "log").read_text()
        try:
            answers = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
        except requests.RequestException:
            return False
        return answers and "is ready, with" in (tmp_path / "log").read_text()

    try:
        until("the demo is ready", ready, 120)
        script = f"set -euo pipefail\n{commands}".replace(":8080", f":{port}")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, shown), done.stderr
    finally:
        os.kill(up.pid, signal.SIGTERM)
        up.wait(60)
        note.unlink()
