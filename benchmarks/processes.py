"""All processes of a deployment, on 127.0.0.1, and what memory they take."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.places import MASTER_KEY, Place
from tests.support import servers

COMMANDS = {"web": "serve", "projector": "project", "worker": "work", "scheduler": "scheduler"}
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


@dataclass(frozen=True)
class Deployment:
    base: str
    processes: dict[str, subprocess.Popen[bytes]]

    def memory(self) -> dict[str, float]:
        """MiB of each process and those it started; what several share is divided among them."""
        found = dict.fromkeys(self.processes, 0)
        for name, folder, _ in self._running():
            with suppress(OSError):
                lines = (folder / "smaps_rollup").read_text().splitlines()
                found[name] += next(int(one.split()[1]) for one in lines if one.startswith("Pss:"))
        return {name: size / 1024 for name, size in found.items()}

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process took so far, with the processes it started itself."""
        found = dict.fromkeys(self.processes, 0)
        for name, _, stat in self._running():
            found[name] += int(stat[11]) + int(stat[12])
        return {name: ticks / os.sysconf("SC_CLK_TCK") for name, ticks in found.items()}

    def _running(self) -> Iterator[tuple[str, Path, list[str]]]:
        """Name, folder below /proc and the fields of `stat` after the command's name."""
        names = {process.pid: name for name, process in self.processes.items()}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(") ")[2].split()
                if (group := int(stat[2])) in names:
                    yield names[group], folder, stat


@contextmanager
def deployed(place: Place, **settings: str) -> Iterator[Deployment]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        **os.environ,
        "OMS_DATA_DIR": str(place.folder),
        "OMS_DATABASE_URL": place.url,
        "OMS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        "REDIS_URL": servers.redis_url("benchmark"),
        "OMS_HOST": "127.0.0.1",
        "OMS_PORT": str(port),
        "OMS_DEMO": "off",
        "OMS_HOOK_ALLOWED_NETWORKS": "127.0.0.1/32",
        "OMS_LOG_LEVEL": "warning",
        **settings,
    }
    log = place.folder / "processes.log"
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in COMMANDS.items():
            with log.open("ab") as output:
                started[name] = subprocess.Popen(
                    [sys.executable, "-m", "oms_ledger", command],
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        deployment = Deployment(f"http://127.0.0.1:{port}", started)
        _wait_for(deployment)
        yield deployment
    except Exception as error:
        error.add_note(f"The processes said: {log.read_text(errors='replace')[-600:]}")
        raise
    finally:
        _stop(started)


def _wait_for(deployment: Deployment) -> None:
    until = time.monotonic() + START_TIMEOUT
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < until:
            for name, process in deployment.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}")
            with suppress(requests.RequestException):
                if session.get(f"{deployment.base}/readyz", timeout=2).ok:
                    return
            time.sleep(0.05)
    raise RuntimeError(f"the server was not ready within {START_TIMEOUT:g} s")


def _stop(started: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in started.values():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in started.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
