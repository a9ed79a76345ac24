"""The tree: layers first, and in each layer the subjects that the contributor page lists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    "oms_ledger/api",
    "oms_ledger/orders",
    "oms_ledger/services",
    "projections",
    "workers",
)
FORBIDDEN = {"utils", "helpers", "common", "base", "core", "misc"}


def listed() -> set[str]:
    """The nouns of the two lists in CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.findall(r"\*\*(?:Subjects|Technical rooms):\*\* `([^`]+)`", page)
    assert len(found) == 2
    return {noun for line in found for noun in line.split()}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_folder_is_a_subject_of_the_list(layer):
    folders = {path.parent.name for path in (ROOT / layer).glob("*/__init__.py")}
    assert folders, layer
    assert folders <= listed()


def test_no_module_is_a_drawer_for_everything():
    modules = {
        path.stem for layer in (*LAYERS, "oms_ledger") for path in (ROOT / layer).rglob("*.py")
    }
    assert not modules & FORBIDDEN
