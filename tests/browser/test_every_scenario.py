"""Every scenario of the documentation has a test in a browser, and every mark a scenario."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOM = Path(__file__).parent
PAGE = ROOM.parents[1] / "docs" / "reference" / "backoffice.md"
ROW = re.compile(r"^\| (\d+) \| .+ \| (PG)? ?\|$", re.MULTILINE)


def marked() -> Iterator[tuple[int, ast.FunctionDef]]:
    """The scenarios that tests name, with the test."""
    for path in ROOM.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for decorator in node.decorator_list:
                    match decorator:
                        case ast.Call(
                            func=ast.Attribute(attr="scenario"),
                            args=[ast.Constant(value=int(number))],
                        ):
                            yield number, node


def test_every_scenario_is_shown() -> None:
    listed = {int(number): bool(both) for number, both in ROW.findall(PAGE.read_text())}
    assert sorted(listed) == list(range(1, 26))
    shown = list(marked())
    assert {number for number, _ in shown} == set(listed)
    on_both = {number for number, test in shown if "BOTH" in ast.unparse(test.decorator_list[-1])}
    on_both |= {number for number, test in shown if "BOTH" in ast.unparse(test.decorator_list[0])}
    assert on_both == {number for number, both in listed.items() if both}
