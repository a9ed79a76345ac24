"""What a process does that evaluates anonymous callers' expressions (`isolation` starts it).

It reads requests from its standard input and answers on its standard output, each as four bytes
of length and so many bytes. Its memory is bounded for good, processor time for each request:
beyond it the kernel ends the process, and its caller starts another.
"""

import json
import marshal
import resource
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, BinaryIO

from oms_ledger.jsonata.bounds import CHILD_SECONDS
from oms_ledger.jsonata.errors import BoundExceeded, EvaluationError
from oms_ledger.jsonata.reference import EPOCH, Reference
from oms_ledger.jsonata.syntax import parse

KEPT = 256  # expressions that stay parsed


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    serve(sys.stdin.buffer, sys.stdout.buffer, allow_seconds)


def serve(requested: BinaryIO, answers: BinaryIO, allow: Callable[[int], None]) -> None:
    """Answer requests until there are no more."""
    parsed: dict[str, Reference] = {}
    while True:
        request = read_frame(requested)
        if request is None:
            return
        allow(CHILD_SECONDS)
        write_frame(answers, json.dumps(_answer(parsed, *marshal.loads(request))).encode())  # noqa: S302 - from the parent alone, by its own pipe


def _answer(
    parsed: dict[str, Reference], text: str, document: dict[str, Any], at: int, time: float
) -> dict[str, Any]:
    reference = parsed.get(text)
    if reference is None:
        if len(parsed) >= KEPT:
            parsed.clear()
        reference = parsed[text] = Reference(parse(text))
    try:
        value = reference(document, EPOCH + timedelta(microseconds=at), time)
        return {"value": as_json(value)}
    except BoundExceeded as exceeded:
        return {"bound": exceeded.bound}
    except EvaluationError as error:
        return {"error": str(error)}


def as_json(value: Any) -> Any:
    """A value as JSON has it: undefined, null and functions are None."""
    match value:
        case bool() | str() | int() | float():
            return value
        case list():
            return [as_json(member) for member in value]
        case dict():
            return {key: as_json(member) for key, member in value.items()}
    return None


def allow_seconds(seconds: int) -> None:
    """So many processor seconds from now on; then the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame; None at the end of the stream."""
    length = stream.read(4)
    if len(length) < 4:
        return None
    size = int.from_bytes(length, "big")
    content = stream.read(size)
    return content if len(content) == size else None


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Write a content with its length before it, and flush."""
    stream.write(len(content).to_bytes(4, "big") + content)
    stream.flush()
