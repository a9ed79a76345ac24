"""The files that people copy say what is true of this release."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from oms_ledger.cli.lazy import COMMANDS
from oms_ledger.settings import SECRETS, VARIABLES

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KNOWN = {variable for variable, _ in VARIABLES.values()} | {f"{name}_FILE" for name in SECRETS}
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def instructions(name: str) -> list[str]:
    whole = DOCKERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2] for line in whole.split("\n") if line.startswith(f"{name} ")]


def objects() -> list[dict[str, Any]]:
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]


def test_the_image_runs_as_nobody_special_and_says_whether_it_lives():
    assert instructions("USER") == ["10001:10001"]
    assert '["oms-ledger", "alive"]' in instructions("HEALTHCHECK")[0]
    assert instructions("ENTRYPOINT") == ['["oms-ledger"]']
    assert instructions("CMD") == ['["up"]']
    assert not instructions("ADD")
    assert "--require-hashes" in DOCKERFILE


def test_what_the_image_is_made_of_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in instructions("COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored
    assert ignored[0] == "*"


def test_environments_name_settings_that_there_are():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(compose["x-oms"]["environment"]) <= KNOWN
    (settings,) = [one for one in objects() if one["kind"] == "ConfigMap"]
    assert set(settings["data"]) <= KNOWN
    units = (ROOT / "deploy/systemd/environment").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", units, re.M)) <= KNOWN
    in_image = re.findall(r"\b(OMS_[A-Z_]+)=", " ".join(instructions("ENV")))
    assert set(in_image) <= KNOWN


def test_every_process_is_run_everywhere_by_a_command_that_there_is():
    procfile = dict(
        line.split(": oms-ledger ") for line in (ROOT / "Procfile").read_text().split("\n") if line
    )
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert {name: compose[name]["command"] for name in procfile} == {
        name: [command] for name, command in procfile.items()
    }
    assert compose["migrate"]["command"] == ["migrate"]
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["args"]
        for one in objects()
        if one["kind"] in ("Deployment", "Job")
    }
    assert pods == {name: [command] for name, command in procfile.items()} | {
        "migrate": ["migrate"]
    }
    assert set(procfile.values()) <= set(COMMANDS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_run_commands_that_there_are_for_nobody_special(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(unit.read_text())
    program, command, *_ = parser["Service"]["ExecStart"].split()
    assert (program, command in COMMANDS) == ("/opt/oms-ledger/bin/oms-ledger", True)
    assert parser["Service"]["User"] == "oms"
    assert parser["Service"]["NoNewPrivileges"] == "yes"


def test_the_target_wants_units_that_there_are():
    target = (ROOT / "deploy/systemd/oms-ledger.target").read_text()
    (wanted,) = re.findall(r"^Wants=(.+)$", target, re.M)
    names = {path.name for path in UNITS}
    assert {re.sub(r"@\d+", "@", name) for name in wanted.split()} <= names


def test_manifests_fit_together():
    kustomization = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())
    files = {path.name for path in MANIFESTS} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    pods = [one for one in objects() if one["kind"] in ("Deployment", "Job")]
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in pods]
    for one in objects():
        selector = one.get("spec", {}).get("selector")
        if isinstance(selector, dict):
            wanted = selector.get("matchLabels", selector)
            assert sum(wanted.items() <= has.items() for has in labels) == 1, one["metadata"]
    for one in pods:
        spec = one["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        (container,) = spec["containers"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_no_secret_of_ours_is_in_them():
    listed = subprocess.run(
        ["git", "ls-files", "deploy", "compose.yaml", "Dockerfile"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    for name in listed:
        text = (ROOT / name).read_text()
        for found in re.findall(r"(?:password|MASTER_KEY)[=:] *([^\s,}]+)", text):
            assert found.startswith(("CHANGE", "${", "$(")), f"{name}: {found}"


@pytest.mark.parametrize("name", ["haproxy.cfg", "cells.cfg"])
def test_haproxy_takes_its_file(name, tmp_path):
    accounts = tmp_path / "accounts.map"
    accounts.write_text("acme b\nglobex a\n")
    config = (ROOT / "deploy/haproxy" / name).read_text()
    own = tmp_path / name
    own.write_text(config.replace("/etc/haproxy/accounts.map", str(accounts)))
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    assert program, "The tests need haproxy: install the package of that name."
    # -dW: a warning is an error.
    done = subprocess.run([program, "-c", "-dW", "-f", own], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
