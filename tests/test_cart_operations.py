"""The page about carts names a test for every published operation of carts and placing."""

import json
import re
from pathlib import Path

from tests.support.guarantees import known

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reference" / "carts.md"


def test_every_operation_of_checkout_is_on_the_page_with_its_test():
    rows = dict(re.findall(r"^\| `([A-Z]+ /\S+)` \|(.*)\|$", PAGE.read_text(), re.MULTILINE))
    published = {
        f"{one['method']} {one['path']}"
        for one in json.loads((TESTS / "published" / "operations.json").read_text())
        if "/orderForm" in one["path"]
    }
    missing = {name for name in published - rows.keys() if "linkedEntityType" not in name}
    assert missing == set()
    for operation, told in rows.items():
        (test,) = re.findall(r"`([^`]+::[^`]+)`", told)
        assert test in known(), operation
