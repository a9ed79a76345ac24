"""Money, instants and names as people read them, in the language and zone of a page."""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from babel import Locale, dates, numbers
from jinja2 import pass_context
from jinja2.runtime import Context

from oms_ledger.backoffice.translations import translations
from oms_ledger.orders.instants import parse
from oms_ledger.orders.status import LABELS, Status

LOCALES = {"en": "en", "pt": "pt_BR", "es": "es"}

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
def zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES.get(language, "en"))


def _here(context: Context) -> tuple[Locale, tzinfo]:
    return _locale(context.get("language", "en")), context.get("zone", ZoneInfo("UTC"))


def instant_of(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return parse(value) if isinstance(value, str) and value else None


@cache
def _digits(currency: str) -> int:
    return numbers.get_currency_precision(currency)


@pass_context
def money(context: Context, cents: Any, currency: str | None = None) -> str:
    """Integer cents as an amount of the currency; a dash for nothing."""
    if cents is None:
        return "–"
    code = currency or context.get("currency") or "BRL"
    return _money(int(cents), code, context.get("language", "en"))


@lru_cache(8192)
def _money(cents: int, code: str, language: str) -> str:
    amount = Decimal(cents).scaleb(-_digits(code))
    return numbers.format_currency(amount, code, locale=_locale(language))


@pass_context
def plain_money(context: Context, cents: Any, currency: str | None = None) -> str:
    """Integer cents as a form field has them: digits and a point."""
    code = currency or context.get("currency") or "BRL"
    return "" if cents is None else f"{Decimal(int(cents)).scaleb(-_digits(code)):f}"


def _formatted(context: Context, value: Any, pattern: str, *, day: bool = False) -> str:
    if not isinstance(value, datetime | str):
        return "–"
    return _spelled(value, pattern, day, context.get("language", "en"), _here(context)[1])


@lru_cache(8192)
def _spelled(value: datetime | str, pattern: str, day: bool, language: str, tz: tzinfo) -> str:
    """A page says an instant several times, and shows it again when it is opened again."""
    instant, locale = instant_of(value), _locale(language)
    if instant is None:
        return "–"
    local = instant.astimezone(tz)
    if day:
        return dates.format_date(local, pattern, locale=locale)
    return dates.format_datetime(local, pattern, locale=locale)


@pass_context
def moment(context: Context, value: Any) -> str:
    """Day and time to the second with the zone: what a title says."""
    tz = _here(context)[1]
    return f"{_formatted(context, value, 'd MMM y HH:mm:ss')} {tz}"


@pass_context
def clock(context: Context, value: Any) -> str:
    return _formatted(context, value, "HH:mm:ss")


@pass_context
def day(context: Context, value: Any) -> str:
    return _formatted(context, value, "d MMM", day=True)


@pass_context
def date(context: Context, value: Any) -> str:
    return _formatted(context, value, "full", day=True)


@pass_context
def number(context: Context, value: Any) -> str:
    return _number(value, context.get("language", "en")) if value is not None else "–"


@lru_cache(8192)
def _number(value: Any, language: str) -> str:
    return numbers.format_decimal(value, locale=_locale(language))


@pass_context
def status_label(context: Context, code: str | None) -> str:
    language = context.get("language", "en")
    try:
        fields = LABELS[Status(code or "")]
    except ValueError:
        return code or "–"
    return fields.get(language, fields["en"])


def family(code: str | None) -> str:
    """The family of a status: its color and its shape."""
    try:
        return FAMILIES[Status(code or "")]
    except ValueError:
        return "new"


def spaced(name: str) -> str:
    """`handling-started` as `Handling started`."""
    text = name.replace("-", " ").replace("_", " ").strip()
    return text[:1].upper() + text[1:]


@pass_context
def words(context: Context, name: str) -> str:
    """An event's, command's or setting's name as a person reads it."""
    return translations(context.get("language", "en")).gettext(spaced(name))


@pass_context
def translated(context: Context, text: str) -> str:
    """A text that comes from a handler, in the page's language."""
    return translations(context.get("language", "en")).gettext(text)


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


FILTERS = {
    "money": money,
    "plain_money": plain_money,
    "moment": moment,
    "clock": clock,
    "day": day,
    "date": date,
    "number": number,
    "label": status_label,
    "family": family,
    "words": words,
    "micros": micros,
    "translated": translated,
    "pretty": pretty,
    "safe_link": safe_link,
}
