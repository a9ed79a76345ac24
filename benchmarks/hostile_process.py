"""Hostile clients, as a process of their own, which reads a line `[port, kind, key, token]`.

The first of them that has sent something says so by a line. They go on until their standard input
ends, and then print how often they were answered how. Their own work has the lowest priority: in
life it is done by other machines. `slow` clients open many connections each and bring a byte of
head or body now and then.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import suppress

from benchmarks.hostile_requests import Keys, of_clients, request

CLIENTS = 12
SLOW, SLOW_EACH = "slow bodies", 40
EVERY_KIND = "every kind"
WRONG: Keys = ("vtexappkey-bench-WRONGX", "wrong")
DRIP, GIVEN_UP = 0.5, 60.0  # seconds

Answers = Counter[str]


async def _ask(port: int, content: bytes, answers: Answers, begun: asyncio.Event) -> None:
    """Send one request, and read what comes until the connection ends."""
    try:
        async with asyncio.timeout(GIVEN_UP):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(content)
                begun.set()
                head = await reader.read(65_536)
                while await reader.read(65_536):
                    pass
            finally:
                writer.transport.abort()
        answers[head[9:12].decode() or "closed"] += 1
    except OSError:  # a timeout among them
        answers["broken off"] += 1


async def _client(port: int, requests: list[bytes], answers: Answers, begun: asyncio.Event) -> None:
    while True:
        for content in requests:
            await _ask(port, content, answers, begun)


async def _slow_client(
    port: int, keys: Keys, number: int, answers: Answers, begun: asyncio.Event
) -> None:
    """One connection: every other stops within the head, the others within the body."""
    whole = request("PUT", "/api/checkout/pub/orders", keys, b"[" * 15_000)
    head = whole.index(b"\r\n\r\n") + 4
    sent = 40 if number % 2 else head + 10
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(whole[:sent])
            begun.set()
            try:
                for at in range(sent, len(whole)):
                    await asyncio.sleep(DRIP)
                    writer.write(whole[at : at + 1])
                    await writer.drain()
            finally:
                writer.transport.abort()
        answers["slow connection ended"] += 1


async def _until_stopped(port: int, kind: str, good: Keys) -> Answers:
    answers, begun = Answers(), asyncio.Event()
    keys = (None, WRONG, good)
    work = []
    if kind in (SLOW, EVERY_KIND):
        count = CLIENTS * SLOW_EACH
        work += [_slow_client(port, keys[n % 3], n, answers, begun) for n in range(count)]
    if kind != SLOW:
        sent = of_clients(None if kind == EVERY_KIND else kind, keys, CLIENTS)
        work += [_client(port, requests, answers, begun) for requests in sent]
    tasks = [asyncio.create_task(one) for one in work]
    await begun.wait()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return answers


def main() -> None:
    os.nice(19)
    port, kind, key, token = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(asyncio.run(_until_stopped(port, kind, (key, token)))) + "\n")


if __name__ == "__main__":
    main()
