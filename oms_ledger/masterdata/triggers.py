"""Triggers of a schema: what fires them, when they run, and what they do."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from oms_ledger.masterdata.condition import ALWAYS, Condition, parse_condition
from oms_ledger.masterdata.names import ORDERS, is_entity
from oms_ledger.masterdata.refusals import InvalidFilter, InvalidSchema
from oms_ledger.masterdata.substitution import single_expression
from oms_ledger.notifications.webhook import is_header_name, is_of_sender

MOST_TRIGGERS, MOST_TIMES, LONGEST_CHAIN = 50, 20, 8
HTTP, EMAIL, TEMPLATE_EMAIL, SAVE = "http", "email", "t-email", "save"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_UNITS = ("addMinutes", "addHours", "addDays", "addMonths", "addYears")
_MOST_UNITS = 1_000_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Increment:
    """A span of the calendar; months and years keep the day, or take the month's last one."""

    minutes: int = 0
    days: int = 0
    months: int = 0

    def after(self, at: datetime) -> datetime:
        """The instant that much later; the last one there is, where that is beyond all time."""
        try:
            months = at.year * 12 + at.month - 1 + self.months
            year, month = months // 12, months % 12 + 1
            moved = at.replace(year=year, month=month, day=min(at.day, _last_day(year, month)))
            return moved + timedelta(days=self.days, minutes=self.minutes)
        except (ValueError, OverflowError):
            return datetime.max.replace(tzinfo=at.tzinfo)


def _last_day(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@dataclass(frozen=True, slots=True)
class Trigger:
    """`run_at` names the field that says when to run, None for now; `times` counts attempts."""

    name: str
    action: Json
    active: bool = True
    condition: Condition = ALWAYS
    every_version: bool = False
    run_at: str | None = None
    increment: Increment = field(default_factory=Increment)
    weight: int | None = None
    times: int = 3
    delay: Increment = field(default_factory=lambda: Increment(minutes=10))

    @property
    def type(self) -> str:
        """What it does: `http`, `email`, `t-email` or `save`."""
        return str(self.action["type"])


def triggers_of(schema: Mapping[str, Any]) -> tuple[Trigger, ...]:
    """The triggers of a schema; `InvalidSchema` names the trigger and the field that is wrong."""
    if "v-trigger" in schema and "v-triggers" in schema:
        raise InvalidSchema("v-triggers and v-trigger: expected one of them")
    given = schema.get("v-triggers", schema.get("v-trigger"))
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InvalidSchema("v-triggers: expected a list")
    if len(given) > MOST_TRIGGERS:
        raise InvalidSchema(f"v-triggers: found {len(given)}, expected at most {MOST_TRIGGERS}")
    triggers = tuple(_trigger(one, place) for place, one in enumerate(given, 1))
    names = [trigger.name for trigger in triggers]
    for name in names:
        if names.count(name) > 1:
            raise InvalidSchema(f"Trigger '{name}': name: stands more than once in the schema")
    return triggers


def _trigger(given: Any, place: int) -> Trigger:
    if not isinstance(given, dict):
        raise InvalidSchema(f"Trigger {place}: expected an object")
    if "action" not in given and "type" in given:
        given = {"name": f"trigger-{place}", "action": given}
    name = given.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSchema(f"Trigger {place}: name: expected 1 to 100 letters, digits, - or _")
    try:
        return _parsed(name, given)
    except _Wrong as wrong:
        raise InvalidSchema(f"Trigger '{name}': {wrong}") from None


class _Wrong(Exception):
    """A field of a trigger, and what was expected there."""


def _parsed(name: str, given: Json) -> Trigger:
    run_at = given.get("runAt")
    retry = given.get("retry")
    times, delay = _retry(retry)
    return Trigger(
        name=name,
        action=_action(given.get("action")),
        active=_flag(given, "active", True),
        condition=_condition(given.get("condition")),
        every_version=_flag(given, "everyVersion", False),
        run_at=_run_at(run_at),
        increment=_increment(run_at.get("increment"), "runAt.increment") if run_at else Increment(),
        weight=_weight(given.get("weight")),
        times=times,
        delay=delay,
    )


def _flag(given: Json, name: str, default: bool) -> bool:
    flag = given.get(name, default)
    if flag is None:
        return default
    if not isinstance(flag, bool):
        raise _Wrong(f"{name}: expected true or false")
    return flag


def _condition(given: Any) -> Condition:
    if given is None:
        return ALWAYS
    if not isinstance(given, str):
        raise _Wrong("condition: expected a text")
    try:
        return parse_condition(given)
    except InvalidFilter as error:
        raise _Wrong(f"condition: {error}") from None


def _weight(given: Any) -> int | None:
    if given is None:
        return None
    if type(given) is not int or not 0 <= given <= 100:
        raise _Wrong("weight: expected an integer from 0 to 100")
    return given


def _retry(given: Any) -> tuple[int, Increment]:
    if given is None:
        return 3, Increment(minutes=10)
    if not isinstance(given, dict):
        raise _Wrong("retry: expected an object")
    times = given.get("times", 3)
    if type(times) is not int or not 1 <= times <= MOST_TIMES:
        raise _Wrong(f"retry.times: expected an integer from 1 to {MOST_TIMES}")
    delay = given.get("delay")
    return times, Increment(minutes=10) if delay is None else _increment(delay, "retry.delay")


def _increment(given: Any, place: str) -> Increment:
    if given is None:
        return Increment()
    if not isinstance(given, dict):
        raise _Wrong(f"{place}: expected an object")
    counts = dict.fromkeys(_UNITS, 0)
    for name, count in given.items():
        if name not in _UNITS:
            continue
        if type(count) is not int or not 0 <= count <= _MOST_UNITS:
            raise _Wrong(f"{place}.{name}: expected an integer of 0 or more")
        counts[name] = count
    minutes = counts["addMinutes"] + counts["addHours"] * 60
    return Increment(minutes, counts["addDays"], counts["addMonths"] + counts["addYears"] * 12)


def _run_at(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise _Wrong("runAt: expected an object")
    when = given.get("dateTime", "now")
    if when == "now":
        return None
    field_name = single_expression(when) if isinstance(when, str) else None
    if field_name is None:
        raise _Wrong('runAt.dateTime: expected "now" or "{!field}"')
    return field_name


def _action(given: Any) -> Json:
    if not isinstance(given, dict):
        raise _Wrong("action: expected an object")
    check = _ACTIONS.get(str(given.get("type")))
    if check is None:
        raise _Wrong(f"action.type: expected one of {', '.join(_ACTIONS)}")
    check(given)
    return given


def _http(action: Json) -> None:
    if not isinstance(action.get("uri"), str) or not action["uri"]:
        raise _Wrong("action.uri: expected an address")
    if str(action.get("method") or "POST").upper() not in METHODS:
        raise _Wrong(f"action.method: expected one of {', '.join(METHODS)}")
    headers = action.get("headers")
    if headers is None:
        return
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise _Wrong("action.headers: expected an object of texts")
    for name in headers:
        if refusal := header_refusal(name):
            raise _Wrong(f"action.headers.{name[:40]}: {refusal}")


def header_refusal(name: str) -> str | None:
    """Why the request of a trigger may not have a header of this name; None when it may."""
    if not is_header_name(name):
        return "this is no header name"
    if is_of_sender(name):
        return "this header is set by the sender itself"
    return None


def _email(action: Json) -> None:
    _no_attachments(action)
    _recipients(action, "to", required=True)
    for name in ("cc", "bcc", "replyTo"):
        _recipients(action, name)
    for name in ("subject", "body", "provider"):
        if not isinstance(action.get(name, ""), str | None):
            raise _Wrong(f"action.{name}: expected a text")
    sender = action.get("from")
    if sender is not None and not isinstance(sender, dict | str):
        raise _Wrong("action.from: expected an object with email and name")


def _template_email(action: Json) -> None:
    _no_attachments(action)
    if not isinstance(action.get("template"), str) or not action["template"]:
        raise _Wrong("action.template: expected the name of a template")
    if not isinstance(action.get("body", {}), dict | None):
        raise _Wrong("action.body: expected an object")


def _save(action: Json) -> None:
    entity = action.get("dataEntity")
    if not isinstance(entity, str) or not is_entity(entity):
        raise _Wrong("action.dataEntity: expected the name of an entity")
    if entity == ORDERS:
        raise _Wrong("action.dataEntity: orders is read only")
    if not isinstance(action.get("json"), dict):
        raise _Wrong("action.json: expected an object")


def _no_attachments(action: Json) -> None:
    if "attachments" in action:
        raise _Wrong("action.attachments: mails have no attachments")


def _recipients(action: Json, name: str, *, required: bool = False) -> None:
    given = action.get(name)
    if given is None and not required:
        return
    texts = given if isinstance(given, list) else [given]
    if not texts or not all(isinstance(one, str) for one in texts):
        raise _Wrong(f"action.{name}: expected an address or a list of them")


_ACTIONS = {HTTP: _http, EMAIL: _email, TEMPLATE_EMAIL: _template_email, SAVE: _save}


def chosen_arm(triggers: Sequence[Trigger], document_key: str) -> Trigger | None:
    """Of weighted triggers whose condition holds the one that runs for this document, always."""
    total = sum(trigger.weight or 0 for trigger in triggers)
    if not total:
        return None
    digest = hashlib.sha256(document_key.encode()).digest()
    place = int.from_bytes(digest[:8], "big") % total
    for trigger in triggers:
        place -= trigger.weight or 0
        if place < 0:
            return trigger
    raise AssertionError("the weights add up")


def weighted(triggers: Sequence[Trigger]) -> bool:
    """Whether weights count: from two active triggers with one on."""
    return sum(trigger.active and trigger.weight is not None for trigger in triggers) >= 2
