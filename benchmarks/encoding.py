"""What it costs to turn a typical OrderPlaced into bytes and back, and to encrypt its person."""

import time
from collections.abc import Callable, Iterator

import msgspec
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.persistence import JSONTranscoder

from benchmarks import orders
from benchmarks.figures import Metric
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore import encryption
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.orders.events import OrderPlaced

NONE = "none"


def figures(seconds: float) -> Iterator[Metric]:
    event = orders.new_order()[1]
    plain = msgspec.to_builtins(event)
    transcoder = JSONTranscoder()
    decoder = msgspec.json.Decoder(OrderPlaced)
    encoded = msgspec.json.encode(event)

    def rate(work: Callable[[], object]) -> float:
        return 1 / _seconds(work, seconds / 10)

    library = rate(lambda: transcoder.encode(plain))
    named = "eventsourcing JSONTranscoder, of a prepared dict"
    yield Metric("size of OrderPlaced", NONE, len(encoded), "bytes")
    for name, work in {
        "encode OrderPlaced, msgspec": lambda: msgspec.json.encode(event),
        "encode OrderPlaced, orjson": lambda: orjson.dumps(event, default=str),
        "encode OrderPlaced, the ledger's codec": lambda: EVENT_TYPES.encode(event),
    }.items():
        yield Metric(name, NONE, rate(work), "events/s", library, named)
    library = rate(lambda: transcoder.decode(encoded))
    named = "eventsourcing JSONTranscoder, to a dict"
    name, body, fields = EVENT_TYPES.encode(event)
    for title, work in {
        "decode OrderPlaced, msgspec to the event": lambda: decoder.decode(encoded),
        "decode OrderPlaced, orjson to a dict": lambda: orjson.loads(encoded),
        "decode OrderPlaced, the ledger's codec": lambda: EVENT_TYPES.decode(name, body, fields),
    }.items():
        yield Metric(title, NONE, rate(work), "events/s", library, named)
    keys = Encryption(b"k" * 32)
    keys.new_key("bench/1")
    key = keys.key("bench/1")
    assert key
    assert fields
    encode = _seconds(lambda: EVENT_TYPES.encode(event), seconds / 10)
    both = _seconds(lambda: _encrypted(event, key), seconds / 10)
    named = "encoding alone"
    yield Metric("encode and encrypt the person", NONE, both * 1e6, "µs", encode * 1e6, named)
    new = _seconds(lambda: keys.new_key("bench/1"), seconds / 10)
    yield Metric("a new order's data key, wrapped", NONE, new * 1e6, "µs", encode * 1e6, named)


def _encrypted(event: OrderPlaced, key: AESGCM) -> bytes:
    fields = EVENT_TYPES.encode(event)[2]
    assert fields
    return encryption.encrypt(key, fields, "bench/1:1")


def _seconds(work: Callable[[], object], budget: float) -> float:
    """Of one call, best of three runs."""
    best = float("inf")
    for _ in range(3):
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < budget:
            for _ in range(50):
                work()
            calls += 50
        best = min(best, (time.perf_counter() - began) / calls)
    return best
