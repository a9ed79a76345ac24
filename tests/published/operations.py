"""Which tests call which published operation: `python -m tests.published.operations FOLDER`.

Run tests with `OMS_CALLED=FOLDER` first: `tests.support.client` notes each call there, in a
file of its process. The table has every published operation, how many tests it was answered to,
how many of them heard a yes, and the first of these. It ends with 1 when one that we answer was
not called.
"""

import os
import sys
from collections import defaultdict
from pathlib import Path

from tests.published.conformance import operation_of, operations

FOLDER = "OMS_CALLED"

# We are the ones who send these: to marketplaces, sellers and connectors.
SENT_BY_US = {
    "POST /pub/orders/{orderId}/invoice",
    "POST /pvt/orders/{orderId}/cancel",
    "POST /pvt/orders/order-group/{orderGroup}/notifications/seller-cancellation",
    "POST /pvt/orders/{orderGroup}/changes",
    "POST /order-integration/notification/processing-result",
}


def note(method: str, path: str, status: int) -> None:
    """Note an answer, where the environment asks for that; the test is pytest's current one."""
    folder = os.environ.get(FOLDER)
    operation = operation_of(method, path) if folder else None
    if folder is None or operation is None:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").rpartition(" ")[0].partition("[")[0]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / f"{os.getpid()}.tsv").open("a") as file:
        file.write(f"{operation.name}\t{status}\t{test}\n")


def called(folder: Path) -> dict[str, dict[str, bool]]:
    """By operation the tests that called it, and whether one of their calls heard a yes."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for file in sorted(folder.glob("*.tsv")):
        for line in file.read_text().splitlines():
            name, status, test = line.split("\t")
            found[name][test] = found[name].get(test, False) or int(status) < 400
    return found


def table(folder: Path) -> tuple[list[str], list[str]]:
    """The rows in Markdown, and the operations that should have been called and were not."""
    found, missing = called(folder), []
    rows = ["| Operation | Tests | with a yes | First of them |", "|---|---|---|---|"]
    for name in operations():
        tests = found.get(name, {})
        good = sorted(test for test, yes in tests.items() if yes)
        first = next(iter(good or sorted(tests)), "")
        if not good:
            first = "sent by us" if name in SENT_BY_US else first
            if name not in SENT_BY_US:
                missing.append(name)
        rows.append(f"| `{name}` | {len(tests)} | {len(good)} | {first} |")
    return rows, missing


if __name__ == "__main__":
    rows, missing = table(Path(sys.argv[1]))
    print("\n".join(rows))  # noqa: T201
    sys.exit("never answered with a yes: " + ", ".join(missing) if missing else 0)
