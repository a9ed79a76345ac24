"""Summary and tag of every operation, read from `operations.txt`; and which paths are aliases."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from projections.subscriptions import registry

ALIASES = frozenset(
    {
        "/api/checkout/changeToAnonymousUser/{order_form_id}",
        "/api/fulfillment/pvt/orderForms/simulation",
        "/api/oms/pub/orders/{order_id}/invoice",
        "/api/payments/pub/transactions/{transaction_id}/payments",
        "/api/pub/transactions/{transaction_id}/payments",
        "/checkout/gatewayCallback/{order_group}/{message_code}",
    }
)
"""Paths that clients use too and that do what another path does; only that one is described."""

_OF_A_KEY = "/api/ledger/keys/{app_key}"
_FILE = Path(__file__).with_name("operations.txt")


@dataclass(frozen=True, slots=True)
class Named:
    """How an operation is listed."""

    tag: str
    summary: str


def _kinds() -> list[str]:
    return [kind.name for kind, _ in registry.of_keys()]


@cache
def named() -> dict[tuple[str, str], Named]:
    """Every operation of the file by method and path; lines of a `{kind}` stand for each kind."""
    found: dict[tuple[str, str], Named] = {}
    tag = ""
    for line in _FILE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            tag = line[3:]
        elif line and not line.startswith("#"):
            operation, summary = line.split(" | ")
            method, path = operation.split()
            for kind in _kinds() if "{kind}" in path else ("",):
                spelled = summary.replace("{kind}", kind)
                found[method, path.replace("{kind}", kind)] = Named(tag, spelled)
    return found


def own_path(path: str) -> str:
    """The path of the same operation for the calling key, of one that names a key."""
    if not path.startswith((f"{_OF_A_KEY}/feed", f"{_OF_A_KEY}/hook")):
        return path
    lead = "/api/orders" if path.endswith("/config") else "/api/ledger"
    return lead + path.removeprefix(_OF_A_KEY)


def name_of(method: str, path: str) -> Named | None:
    """Tag and summary of an operation; None where the file does not have it."""
    own = own_path(path)
    found = named().get((method, own))
    if found is None or own == path:
        return found
    return Named("Feed and hook of a key", f"{found.summary}, of another key")


def tags() -> list[str]:
    """Every tag once, in the order of the file."""
    listed = list(dict.fromkeys(one.tag for one in named().values()))
    listed.insert(listed.index("Feed and hook") + 1, "Feed and hook of a key")
    return listed
