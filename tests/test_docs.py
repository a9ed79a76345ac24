"""The pages: every link leads to a file, and to a heading in it; every page can be reached."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    if not name.startswith("tests/")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links(page: Path) -> list[str]:
    """What a page links to within the repository."""
    found = LINK.findall(CODE.sub("", page.read_text()))
    return [link for link in found if "://" not in link and not link.startswith("mailto:")]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    words = (re.sub(r"[^\w\- ]", "", h.lower()) for h in HEADING.findall(page.read_text()))
    return {word.strip().replace(" ", "-") for word in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        target, _, anchor = link.partition("#")
        at = (page.parent / target).resolve() if target else page
        assert at.exists(), f"{page.relative_to(ROOT)}: {link}"
        if anchor:
            assert anchor in anchors(at), f"{page.relative_to(ROOT)}: {link}"


def test_alert_runbooks_lead_to_headings():
    named = re.findall(r"runbook: (\S+)#(\S+)", (ROOT / "deploy/monitoring/alerts.yml").read_text())
    assert named
    for page, anchor in named:
        assert anchor in anchors(ROOT / page), anchor


def test_docs_are_sorted():
    rooms = {
        path.relative_to(ROOT / "docs").parts[0] for path in PAGES if ROOT / "docs" in path.parents
    }
    assert rooms <= {"index.md", "tutorial", "how-to", "reference", "explanation"}


def test_the_walks_name_files_and_functions_that_exist():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    walks = page.partition("## Five walks\n")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_0-9/]+\.py)`(?:\s+\(`(\w+)`\))?", walks)
    assert len(named) > 15
    for path, function in named:
        found = [at for at in (ROOT / "oms_ledger" / path, ROOT / path) if at.is_file()]
        assert found, path
        assert not function or f"def {function}(" in found[0].read_text(), (path, function)
