"""Writes the description to the file that the first argument names: `make openapi`."""

import sys
from pathlib import Path

import orjson

from oms_ledger.api.app import ABOUT, ROUTERS, TITLE
from oms_ledger.api.description.compose import describe


def text() -> bytes:
    """The description as it is committed."""
    routes = [route for module in ROUTERS for route in module.router.routes]
    schema = describe(TITLE, ABOUT, routes)
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(text())
