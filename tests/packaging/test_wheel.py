"""The wheel, installed into an environment of its own, brings the command and all that it needs."""

import os
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import requests

from tests.soak.deployment import free_port, until
from tests.support import servers

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {"oms_ledger", "projections", "workers"}
"""See decision 0016."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network, of the files that git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout
    source = folder / "source"
    for name in names.decode().split("\0"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--no-index", "-w", folder, source], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a fresh environment: the wheel, and the libraries of this one.

    The libraries are found beside it; what this environment has of the project itself is not.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMS_", "REDIS_", "PYTHON"))}
    return {**kept, "OMS_DATA_DIR": str(folder / "data"), **more}


def test_the_wheel_installs_these_names_and_no_others(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == TOP_LEVEL


def test_the_wheel_has_everything_that_is_beside_the_code(wheel: Path) -> None:
    known = subprocess.run(
        ["git", "ls-files", *sorted(TOP_LEVEL)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    source = {name for name in known.split() if not name.endswith((".po", ".pot"))}
    assert source - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_command_is_there(installed: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [installed / "oms-ledger", "--help"]
    answer = subprocess.run(
        command, cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, check=True
    )
    assert "doctor" in answer.stdout
    code = "import oms_ledger; print(oms_ledger.__file__)"
    where: list[str | Path] = [installed / "python", "-c", code]
    found = subprocess.run(
        where, cwd=tmp_path, env=environ(tmp_path), capture_output=True, check=True
    )
    assert found.stdout.decode().startswith(str(installed.parent))


def test_up_comes_up(installed: Path, tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [installed / "oms-ledger", "up"],
            cwd=tmp_path,
            env=environ(tmp_path, OMS_PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    pid = Path(os.environ[servers.RUN]) / f"installed-{port}.pid"
    pid.write_text(str(process.pid))  # left to the cleaner, should this run be killed

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).json()
            return bool(answer["reasons"] == [])
        except requests.RequestException:
            return False

    try:
        until("the installed system is ready", ready)
        assert requests.get(f"http://127.0.0.1:{port}/docs", timeout=30).ok
        assert requests.get(f"http://127.0.0.1:{port}/admin/-/login", timeout=30).ok
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)
        pid.unlink()
