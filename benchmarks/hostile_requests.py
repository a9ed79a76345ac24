"""What hostile clients send: largest bodies, deepest JSON, the worst expressions and lists.

Each kind is made for no key, for a wrong one and for a good one of another account. A request ends
its connection, so that whoever sends it reads to the end.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from tests.support.bounded_child import OPERATIONS, body_of
from tests.support.hostile_expressions import EVERY

MIB = 1024 * 1024
Keys = tuple[str, str] | None
PLACE, LOGIN = "/api/checkout/pub/orders", "/api/vtexid/apptoken/login"
SEARCH = "/api/orders/extendsearch/orders"


def request(method: str, target: str, keys: Keys, body: bytes | None = None) -> bytes:
    named = f"X-VTEX-API-AppKey: {keys[0]}\r\nX-VTEX-API-AppToken: {keys[1]}\r\n" if keys else ""
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{named}{length}"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + (body or b"")


def _chunked(method: str, target: str, keys: Keys, body: bytes) -> bytes:
    """The body without its length: nothing is to be refused before it is read."""
    head = request(method, target, keys)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
    parts = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _list_of(size: int) -> bytes:
    return b"[" + b'{"a":1},' * (size // 8 - 1) + b"{}]"


def large_bodies(keys: Keys) -> Iterator[bytes]:
    for size in (9 * MIB, 2 * MIB - 64, 255 * 1024):
        yield request("POST", LOGIN, keys, _list_of(size))
        yield request("PUT", PLACE, keys, _list_of(size))
        yield _chunked("PUT", PLACE, keys, _list_of(size))
        yield request("POST", "/api/orders/expressions/jsonata", keys, _list_of(size))
    lines = json.dumps({"items": [{"id": "1", "quantity": 1, "seller": "1"}] * 30_000})
    yield request("PUT", PLACE, keys, lines.encode())
    yield request("PUT", PLACE, keys, json.dumps({"items": ["x" * (MIB + 1)]}).encode())


def deep_bodies(keys: Keys) -> Iterator[bytes]:
    for size in (250 * 1024, 2 * MIB - 64):
        for body in (
            b"[" * size,
            b'{"a":' * (size // 5),
            b"[" + b"[" * 60 + b"]" * 60 + b",[]" * (size // 4) + b"]",
            b"[" + b"9" * size + b"]",
            b"[" + b"0.1234567890123456789," * (size // 22) + b"0]",
            b'["' + b"\\u0000" * (size // 6) + b'"]',
            b'{"a":1' + b',"a":1' * (size // 6) + b"}",
        ):
            yield request("PUT", PLACE, keys, body)
            yield request("POST", LOGIN, keys, body[: 15 * 1024])


def expressions(keys: Keys) -> Iterator[bytes]:
    made = [(operation, text) for text in EVERY.values() for operation in OPERATIONS]
    for operation, text in made:
        path, body = body_of(operation, text)
        yield request("POST", path, keys, json.dumps(body).encode())


def lists(keys: Keys) -> Iterator[bytes]:
    many = ",".join(f"seller {number}" for number in range(999))
    searched: dict[str, Any] = {"f_sellerNames": many, "per_page": 100, "page": 30, "q": "a"}
    for page in (1, 15, 30):
        query = f"per_page=100&page={page}&orderBy=totalValue,asc&q=a&f_status=handling,invoiced"
        yield request("GET", f"/api/oms/pvt/orders?{query}", keys)
        yield request("POST", SEARCH, keys, json.dumps({**searched, "page": page}).encode())
    yield request("GET", "/api/ledger/events?after=0&limit=1000", keys)
    yield request("POST", "/api/ledger/exports", keys, b'{"format":"csv"}')
    yield request("GET", "/api/oms/user/orders?per_page=100", keys)


def credentials(keys: Keys) -> Iterator[bytes]:
    for number in range(50):
        login = {"appkey": f"vtexappkey-acme-{number:06}", "apptoken": "x" * 1000}
        yield request("POST", LOGIN, keys, json.dumps(login).encode())
        wrong = f"vtexappkey-acme-{number:06}", "x"
        yield request("GET", "/api/oms/pvt/orders?per_page=100", wrong)


KINDS: dict[str, Callable[[Keys], Iterator[bytes]]] = {
    "large bodies": large_bodies,
    "deep bodies": deep_bodies,
    "expressions": expressions,
    "lists": lists,
    "credentials": credentials,
}


def of_clients(kind: str | None, keys: Sequence[Keys], clients: int) -> list[list[bytes]]:
    """What each of so many clients sends in turns: of one kind, or of all when it is None."""
    chosen = KINDS.values() if kind is None else (KINDS[kind],)
    pairs = [(made, held) for held in keys for made in chosen]
    return [list(made(held)) for made, held in islice(cycle(pairs), clients)]
