"""Money, instants and names as people read them, in the language and zone of a page."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any

import orjson
from babel import Locale, dates, numbers

from oms_ledger.backoffice.translations import translations
from oms_ledger.orders.instants import parse
from oms_ledger.orders.status import LABELS, Status

LOCALES = {"en": "en", "pt": "pt_BR", "es": "es"}

# Of the page that is being rendered.
ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)
CURRENCY: ContextVar[str] = ContextVar("currency", default="BRL")

FAMILIES: dict[Status, str] = {
    **dict.fromkeys(
        (Status.ORDER_CREATED, Status.ORDER_ACCEPTED, Status.ON_ORDER_COMPLETED,
         Status.ON_ORDER_COMPLETED_FFM),
        "new",
    ),
    **dict.fromkeys(
        (Status.PAYMENT_PENDING, Status.APPROVE_PAYMENT, Status.PAYMENT_APPROVED,
         Status.WAITING_FOR_MKT_AUTHORIZATION, Status.WAITING_FOR_ORDER_AUTHORIZATION),
        "money",
    ),
    **dict.fromkeys(
        (Status.CANCELLATION_REQUESTED, Status.REQUEST_CANCEL, Status.WAITING_FOR_SELLER_DECISION,
         Status.WAITING_FOR_AUTHORIZATION, Status.WAITING_FOR_MANUAL_AUTHORIZATION,
         Status.WAITING_FFMT_AUTHORIZATION, Status.WINDOW_TO_CHANGE_SELLER,
         Status.WAITING_SELLER_HANDLING, Status.CANCELLATION_REQUEST_DENIED,
         Status.CANCELLATION_REQUEST_DENIED_FFM, Status.INVOICE_AFTER_CANCELLATION_DENY),
        "decide",
    ),
    **dict.fromkeys(
        (Status.AUTHORIZE_FULFILLMENT, Status.WINDOW_TO_CANCEL, Status.READY_FOR_HANDLING,
         Status.START_HANDLING, Status.HANDLING, Status.WAITING_FOR_FULFILLMENT,
         Status.READY_FOR_INVOICING, Status.INVOICE),
        "work",
    ),
    Status.INVOICED: "done",
    **dict.fromkeys((Status.CANCEL, Status.CANCELED, Status.REPLACED), "ended"),
    Status.ORDER_CREATION_ERROR: "error",
}  # fmt: skip


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES.get(language, "en"))


def instant_of(value: Any) -> datetime | None:
    """An instant from a text or a `datetime`; None for anything else."""
    if isinstance(value, datetime):
        return value
    return parse(value) if isinstance(value, str) and value else None


@cache
def _digits(currency: str) -> int:
    return numbers.get_currency_precision(currency)


def money(language: str, cents: Any, currency: str | None = None) -> str:
    """Integer cents as an amount of the currency; a dash for nothing."""
    return "–" if cents is None else _money(int(cents), currency or CURRENCY.get(), language)


@lru_cache(8192)
def _money(cents: int, code: str, language: str) -> str:
    amount = Decimal(cents).scaleb(-_digits(code))
    return numbers.format_currency(amount, code, locale=_locale(language))


def plain_money(language: str, cents: Any, currency: str | None = None) -> str:
    """Integer cents as a form field has them: digits and a point."""
    digits = _digits(currency or CURRENCY.get())
    return "" if cents is None else f"{Decimal(int(cents)).scaleb(-digits):f}"


@lru_cache(8192)
def _spelled(value: datetime | str, pattern: str, language: str, tz: tzinfo) -> str:
    """A page says an instant several times, and shows it again when it is opened again."""
    instant, locale = instant_of(value), _locale(language)
    if instant is None:
        return "–"
    local = instant.astimezone(tz)
    if pattern in DAYS:
        return dates.format_date(local, pattern, locale=locale)
    text = dates.format_datetime(local, pattern, locale=locale)
    return f"{text} {tz}" if pattern is MOMENT else text


def _instant(pattern: str, language: str, value: Any) -> str:
    if not isinstance(value, datetime | str):
        return "–"
    return _spelled(value, pattern, language, ZONE.get())


DAYS = ("d MMM", "full")
MOMENT = "d MMM y HH:mm:ss"  # with the zone: what a title says
moment = partial(_instant, MOMENT)
clock = partial(_instant, "HH:mm:ss")
short = partial(_instant, "d MMM HH:mm:ss")
day = partial(_instant, "d MMM")
date = partial(_instant, "full")


def number(language: str, value: Any) -> str:
    """A number with the separators of the language; a dash for None."""
    return _number(value, language) if value is not None else "–"


@lru_cache(8192)
def _number(value: Any, language: str) -> str:
    return numbers.format_decimal(value, locale=_locale(language))


@cache
def _labels(language: str) -> dict[str, str]:
    return {status.value: LABELS[status].get(language, LABELS[status]["en"]) for status in Status}


def _status_label(language: str, code: str | None) -> str:
    """The name of a status in the language; the code itself when it has none."""
    return _labels(language).get(code or "", code or "–")


def family(code: str | None) -> str:
    """The family of a status: its color and its shape."""
    return FAMILIES.get(code or "", "new")  # type: ignore[call-overload, no-any-return]


def apart(name: str) -> str:
    """`deliveriesPending` as `deliveries-pending`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def spaced(name: str) -> str:
    """`handling-started` as `Handling started`."""
    text = name.replace("-", " ").replace("_", " ").strip()
    return text[:1].upper() + text[1:]


@lru_cache(2048)
def words(language: str, name: str) -> str:
    """An event's, command's or setting's name as a person reads it."""
    return translations(language).gettext(spaced(name))


def translated(language: str, text: str) -> str:
    """A text that comes from a handler, in the page's language."""
    return translations(language).gettext(text)


def micros(value: int | None) -> datetime | None:
    """Microseconds since 1970 as an instant."""
    return None if value is None else datetime.fromtimestamp(value / 1e6, UTC)


def pretty(value: Any) -> str:
    """A JSON value on few lines."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def safe_link(url: Any) -> str | None:
    """An address out of order data, if a click may follow it."""
    text = str(url or "").strip()
    return text if text.lower().startswith(("http://", "https://")) else None


SPOKEN: dict[str, Callable[..., str]] = {
    "money": money,
    "plain_money": plain_money,
    "moment": moment,
    "clock": clock,
    "short": short,
    "day": day,
    "date": date,
    "number": number,
    "label": _status_label,
    "words": words,
    "translated": translated,
}
PLAIN: dict[str, Callable[..., Any]] = {
    "apart": apart,
    "family": family,
    "micros": micros,
    "pretty": pretty,
    "safe_link": safe_link,
}


def filters(language: str) -> dict[str, Callable[..., Any]]:
    """The filters of templates in a language; zone and currency are those of the page."""
    return {name: partial(spoken, language) for name, spoken in SPOKEN.items()} | PLAIN
