"""Nothing that is committed is a secret, and what CI runs is pinned to what was looked at."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATTERNS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20}\b",
    "a token of Slack": r"\bxox[abpr]-[A-Za-z0-9-]{20,}",
    "a token of PyPI": r"\bpypi-[A-Za-z0-9_-]{60,}",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a key of Stripe": r"\b[rs]k_live_[0-9A-Za-z]{20,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "a master key": r"OMS_MASTER_KEY[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9+/_-]{43}=",
    "a password in an address": r"\b(?:postgres(?:ql)?|rediss?|smtps?|https?)://[^\s:/@'\"]*:"
    r"(?![${<…*]|pass|secret|hunter2|pw\b|CHANGE|%s|\{)[^\s:/@'\"{}]{8,}@",
}
LARGEST = 5_000_000  # bytes


def committed() -> list[Path]:
    listed = ["git", "ls-files", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file() and path.stat().st_size < LARGEST]


def secrets_in(text: str) -> list[str]:
    return [what for what, pattern in PATTERNS.items() if re.search(pattern, text)]


def test_no_secret_is_committed():
    found = {}
    for path in committed():
        if what := secrets_in(path.read_bytes().decode("utf-8", "replace")):
            found[str(path.relative_to(ROOT))] = what
    assert found == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("AKIA" + "ABCDEFGHIJKLMNOP", "a key of AWS"),
        ("ghp_" + "a1B2" * 9, "a token of GitHub"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIE" * 12, "a private key"),
        ("OMS_MASTER_KEY=" + "A" * 43 + "=", "a master key"),
        ("postgresql://oms:" + "Tr0ub4dor&3@db/oms", "a password in an address"),
    ],
)
def test_secrets_are_found(text, what):
    assert secrets_in(text) == [what]


def test_no_file_of_secrets_is_committed():
    names = {path.name for path in committed()}
    assert not {
        name for name in names if re.fullmatch(r"\.env|.*\.(pem|p12|pfx)|master\.key", name)
    }


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")))
def test_actions_are_pinned_by_hash(workflow):
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert re.search(r"^permissions:\n  contents: read$", workflow.read_text(), re.M)


@pytest.mark.parametrize("lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda p: p.name)
def test_every_locked_library_has_a_hash_and_comes_from_nowhere_special(lock):
    text = lock.read_text()
    libraries = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", text, re.M)
    assert libraries
    assert len(
        re.findall(r"^    --hash=sha256:\S+$|^    --hash=sha256:\S+ \\$", text, re.M)
    ) >= len(libraries)
    assert "://" not in text
