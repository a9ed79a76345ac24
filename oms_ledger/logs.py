"""What processes log: one line a happening, without personal data, of at most 8 KiB (G66).

The text of an exception may repeat what it was about, like the row that a database refused. So of
an exception the log has its classes, the places it went through and the SQL state; its text only
where that can only be about machines. Texts of other libraries go the same way.
"""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

from oms_ledger.refusal import Refusal
from oms_ledger.settings import Settings

LONGEST_TEXT, LONGEST_LINE = 300, 8192  # characters of a value, bytes of a line
_PLACES = 12  # the last places that an exception went through
_ROOT = Path(__file__).parents[1]
# Loggers of libraries that bring handlers of their own.
_ELSEWHERE = ("_granian", "granian.access", "rq.worker", "rq.job", "alembic")

Event = MutableMapping[str, Any]


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send what this process logs to a stream, stderr if not given: JSON, or lines on a terminal.

    What nobody catches is logged the same way.
    """
    out = stream or sys.stderr
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _lines if out.isatty() else _json
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        processors=[*shared, _explain, _shorten, render],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _explain,
                _shorten,
                render,
            ],
            use_get_message=True,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in _ELSEWHERE:
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _unhandled
    threading.excepthook = lambda fields: _unhandled(
        fields.exc_type, fields.exc_value or fields.exc_type(), fields.exc_traceback
    )


def reason(error: BaseException) -> str:
    """Return what may be logged of an exception in a few words."""
    return " ← ".join(_named(one) for one in _chain(error))[:LONGEST_TEXT]


def _unhandled(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    structlog.get_logger(__name__).critical(
        "process_failed", exc_info=(kind, error, trace or error.__traceback__)
    )


def _named(error: BaseException) -> str:
    name = type(error).__name__
    state = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    if isinstance(state, str):
        return f"{name} {state}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} {error.errno} {error.strerror or ''}".strip()
    return f"{name} {error.code}" if isinstance(error, Refusal) else name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, nearest first."""
    seen = set[int]()
    found: BaseException | None = error
    while found is not None and id(found) not in seen and len(seen) < 6:
        seen.add(id(found))
        yield found
        original = getattr(found, "orig", None)
        context = None if found.__suppress_context__ else found.__context__
        found = original if isinstance(original, BaseException) else found.__cause__ or context


def _explain(_: Any, __: str, event: Event) -> Event:
    """Put what may be known of an exception in the place of its text."""
    fields = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if fields is True:
        fields = sys.exc_info()
    error = fields[1] if isinstance(fields, tuple) else fields
    if isinstance(error, BaseException):
        event["error"] = reason(error)
        event["at"] = _places(error.__traceback__)
    for name, value in event.items():
        if isinstance(value, BaseException):
            event[name] = reason(value)
    return event


def _places(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        file = Path(code.co_filename)
        short = file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else Path(file.name)
        places.append(f"{short}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-_PLACES:]


def _shorten(_: Any, __: str, event: Event) -> Event:
    return {str(name)[:100]: _short(value) for name, value in event.items()}


def _short(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(k)[:100]: _short(v) for k, v in list(value.items())[:20]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_short(one) for one in list(value)[:20]]
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"


def _json(_: Any, __: str, event: Event) -> str:
    line = orjson.dumps(event, default=str)
    if len(line) > LONGEST_LINE:
        kept = {name: event[name] for name in ("event", "level", "timestamp") if name in event}
        line = orjson.dumps({**kept, "shortened": True}, default=str)
    return line.decode()


def _lines(_: Any, __: str, event: Event) -> str:
    """The same on a terminal: the happening, then the rest, and no line break within."""
    head = [str(event.pop(name, "")) for name in ("timestamp", "level", "event")]
    rest = [f"{name}={value!r}" for name, value in event.items() if name != "at"]
    line = f"{head[0]} [{head[1]}] {head[2]} {' '.join(rest)}".replace("\n", " ").replace("\r", " ")
    return line[: LONGEST_LINE // 4]
