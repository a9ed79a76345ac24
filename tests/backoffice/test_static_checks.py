"""What templates and files must not hold, and that colors can be read in both schemes."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup, escape

from oms_ledger.backoffice.escaping import escaped
from oms_ledger.backoffice.flow_picture import ENDED, SIDE_ROADS, STAGES
from oms_ledger.backoffice.formats import FAMILIES
from oms_ledger.backoffice.static_files import all_files
from oms_ledger.backoffice.templating import environment
from oms_ledger.orders.flows import FLOWS
from oms_ledger.orders.status import Status

ROOM = Path(str(files("oms_ledger.backoffice")))
TEMPLATES = sorted((ROOM / "templates").glob("*.html"))
STATIC = ROOM / "static"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_inline_script_or_style(template):
    text = template.read_text()
    assert not re.search(r"\sstyle=|\son(?!e=)[a-z]+=|javascript:|<style|\|\s*safe\b|Markup", text)
    for script in re.findall(r"<script([^>]*)>(.*?)</script>", text):
        assert "src=" in script[0]
        assert not script[1].strip()
    for form in re.findall(r"<form\b[^>]*>", text):
        assert "method=" in form, form


def test_code_marks_nothing_as_safe():
    for path in ROOM.rglob("*.py"):
        assert "Markup" not in path.read_text(), path


def test_vendored_script_is_what_was_recorded():
    recorded, name = (STATIC / "htmx.sha256").read_text().split()
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == recorded
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE").read_text()


def test_files_are_as_light_as_promised():
    packed = {name: len(file.compressed) for name, file in all_files().items()}
    assert packed["style.css"] <= 7 * 1024
    assert packed["app.js"] + packed["htmx.min.js"] <= 20 * 1024


def test_every_status_has_a_family_and_a_place_in_its_flow():
    assert set(FAMILIES) == set(Status)
    for flow, moves in FLOWS.items():
        shown = frozenset().union(*(statuses for _, statuses in STAGES[flow]))
        for status in moves:
            assert status is None or status in shown | SIDE_ROADS | ENDED, (flow, status)


def _schemes():
    """The colors by name of the light and of the dark scheme."""
    text = (STATIC / "style.css").read_text()
    blocks = re.findall(r":root(?:\[data-scheme=dark\])? \{([^}]*--bg[^}]*)\}", text)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}}


def test_dark_scheme_changes_colors_alone():
    text = (STATIC / "style.css").read_text()
    preferred = re.findall(r"prefers-color-scheme: dark\) \{ :root[^{]*\{([^}]*)\} ?\}", text)
    chosen = re.findall(r"\[data-scheme=dark\] \{([^}]*)\}", text)
    assert len(preferred) == text.count("prefers-color-scheme") == 1
    assert len(chosen) == text.count("data-scheme=dark") == 1
    for block in preferred + chosen:
        declared = [line.strip() for line in block.split(";") if line.strip()]
        assert all(re.fullmatch(r"(--[\w-]+|color-scheme): ?[#\w]+", one) for one in declared), (
            block
        )


def _luminance(color):
    digits = color[1:] if len(color) == 7 else "".join(c * 2 for c in color[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("bg", "surface", "sunken")),
    *(("accent", ground) for ground in ("bg", "surface", "sunken", "accent-soft")),
    ("on-accent", "accent"),
    *(
        (name, f"{name}-bg")
        for name in ("new", "money", "decide", "work", "done", "ended", "error")
    ),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_text_and_ground_can_be_read(scheme):
    colors = _schemes()[scheme]
    for text, ground in PAIRS:
        assert _contrast(colors[text], colors[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "<b a='1' c=\"2\">&amp;",
        "",
        "\0\u202e\ud800",
        1,
        True,
        None,
        1.5,
        Markup("<b>"),
        ["<"],
    ],
    ids=ascii,
)
def test_texts_are_escaped_as_ever(value):
    assert escaped(value) == escape(value)
    made = environment("en").from_string("{{ value }}{% set v %}{{ value }}{% endset %}{{ v }}")
    assert made.render(value=value) == str(escape(value)) * 2


def test_what_is_missing_is_not_shown_as_nothing():
    with pytest.raises(UndefinedError):
        environment("en").from_string("{{ value }}").render()
