"""The store: its name and the settings it may choose, with their defaults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from oms_ledger.accounts.configuration import Configuration
from oms_ledger.accounts.divergence import read_ranges
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.mail_providers import (
    configure_providers,
    is_provider,
    parse_provider,
)
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.accounts.subjects import APPLIERS
from oms_ledger.notifications.mail import InvalidMail, address_of
from oms_ledger.time_zones import find_zone
from oms_ledger.whole_numbers import is_whole

# name: (default, what it is)
SETTINGS: dict[str, tuple[Any, str]] = {
    "grace_period_minutes": (30, "minutes in window-to-cancel after the payment; 0 passes through"),
    "window_to_change_seller_days": (2, "days to choose another seller, 0 to 30"),
    "placement_patience_hours": (24, "hours that a seller outside has to take an order"),
    "share_payment_data": (False, "send sellers how an order was paid when it is authorized"),
    "accepts_orders": (True, "whether other accounts may name this account as a seller"),
    "partners": ("*", "accounts that sell for this one or that it sells for: names, * for all"),
    "price_divergence_percent": (0, "how far a marketplace's payment may differ from the order"),
    "price_divergence_rule": (
        "",
        'ranges in per cent: [{"from": 0, "to": 5, "effect": "authorize"}, …], or task, or deny',
    ),
    "strict_affiliates": (False, "take orders of registered affiliates only"),
    "language": ("en-US", "language of labels when the request names none"),
    "time_zone": ("UTC", "IANA zone of the account's local days"),
    "order_id_form": ("letters", "letters: v502559llux-01; digits: 1172452900788-01"),
    "currency": ("BRL", "ISO 4217 code of the account's currency"),
    "country": ("BRA", "ISO 3166 alpha-3 code of the account's country"),
    "trust_request_prices": (True, "take the prices of a placement as sent"),
    "anonymous_checkout": (False, "place orders without a key, at the prices of the offers alone"),
    "payment_expiry": (0, "minutes in payment-pending until the order is canceled; 0: never"),
    "waiting_for_fulfillment": (False, "seller orders may be set to wait for their warehouse"),
    "ready_for_invoicing": (False, "own orders may be set to be packed and wait for an invoice"),
    "invoice_items": ("strict", "strict: items of invoices must match; lenient: else inferred"),
    **{
        f"mail_{kind}": ("", f"own message when an order is {kind}: Subject|Text with {{name}}")
        for kind in ("created", "approved", "invoiced", "canceled", "changed")
    },
    "mail_off": ("", "templates of mails that are neither sent nor recorded, between commas"),
    "mail_from": ("", "sender of mails to customers: Store <no-reply@store.com>; empty: ours"),
    "conversation_mask": ("hard", "aliases of customers: hard, or soft, which shows their name"),
    "seller_name": ("", "name of seller 1; empty: the account's name"),
    "pii": (False, "mask personal data in documents and lists; ?reason= unmasks a document"),
    "b2b": (False, "a company's buyers search their orders by text, agent and approvals"),
    "rate_limit_per_minute": (0, "requests a minute of get, group and search; 0: no limit"),
    "concurrent_expressions": (2, "expressions tested, tried and explained at a time, a process"),
    "concurrent_scans": (2, "extended searches at a time, a process"),
    "concurrent_exports": (2, "exports made in the background at a time"),
    "concurrent_jobs": (4, "jobs of the account under way at a time; others wait"),
    "order_access_days": (0, "days after which an order is unknown to readers; 0: never"),
    "buying_policies": (False, "evaluate buying policies on orders; set by the first dimension"),
    "profiles_from_orders": (True, "save the clients of placed orders as documents of CL and AD"),
    "notes_per_order": (0, "notes that an order may have; 0: as many as are written"),
    "offers": ("table", "where prices of carts come from: table, http (offers_url), or none"),
    "offers_url": ("", "address of the source of offers with offers=http"),
    "cart_days": (30, "days after its last write that a cart is kept"),
    "order_placed_url": (
        "",
        "where a browser goes after a purchase; empty: our own path",
    ),
    "list_pages": (30, "pages of a list that can be asked for; 0: all"),
}

# The most of a setting, by how its name ends: an instant so far from now can still be reckoned.
MOST = {"window_to_change_seller_days": 30, "_days": 36_500, "_hours": 876_000}
MOST_OF_OTHERS = 999_999_999

CHOICES = {
    "order_id_form": ("letters", "digits"),
    "invoice_items": ("strict", "lenient"),
    "offers": ("table", "http", "none"),
    "conversation_mask": ("hard", "soft"),
}


_FORMS = {
    "partners": (re.compile(r"\*|(?:[a-z][a-z0-9]*(?:\s*,\s*|$))*"), "names between commas, or *"),
    "currency": (re.compile(r"[A-Z]{3}"), "an ISO 4217 code, as BRL"),
    "country": (re.compile(r"[A-Z]{3}"), "an ISO 3166 alpha-3 code, as BRA"),
    "order_placed_url": (
        re.compile(r"|(?:https?://|/)\S*"),
        "an address, a path or nothing",
    ),
    "language": (re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"), "a language, as pt-BR"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A store; `suffix` ends its order groups, `settings` are those it changed, by name."""

    name: str
    suffix: str
    settings: dict[str, Any] = field(default_factory=dict)
    configuration: Configuration = field(default=Configuration(), repr=False)

    def setting(self, name: str) -> Any:
        """The account's own value, else the default; KeyError for no name of `SETTINGS`."""
        return self.settings.get(name, SETTINGS[name][0])

    @property
    def grace_period(self) -> timedelta:
        """How long a paid order stays in window-to-cancel; none passes it through at once."""
        return timedelta(minutes=self.setting("grace_period_minutes"))

    @property
    def seller_window(self) -> timedelta:
        """How long another seller may be chosen after a seller canceled."""
        return timedelta(days=self.setting("window_to_change_seller_days"))

    @property
    def placement_patience(self) -> timedelta:
        """How long a seller outside has to take an order before placing it has failed."""
        return timedelta(hours=self.setting("placement_patience_hours"))

    @property
    def payment_expiry(self) -> timedelta | None:
        """How long an order may stay in payment-pending; None for as long as it takes."""
        minutes = self.setting("payment_expiry")
        return timedelta(minutes=minutes) if minutes else None


def evolve_account(account: Account | None, event: AccountEvent, at: int) -> Account:
    """The account after an event that was recorded at an instant in microseconds."""
    if isinstance(event, AccountCreated):
        return Account(event.name, event.suffix)
    assert account is not None, "an account's first event is AccountCreated"
    if isinstance(event, AccountSettingsChanged):
        return replace(account, settings={**account.settings, **event.settings})
    if applier := APPLIERS.get(type(event)):
        return replace(account, configuration=applier(account.configuration, event, at))
    return account  # what else was done is in the account's history


def change_settings(account: Account, parsed: Mapping[str, Any]) -> list[AccountEvent]:
    """The events of settings that are not so already; what a mail server needs is kept apart."""
    providers = {name: value for name, value in parsed.items() if is_provider(name)}
    new = {
        name: value
        for name, value in parsed.items()
        if name not in providers and account.setting(name) != value
    }
    changed: list[AccountEvent] = [AccountSettingsChanged(new)] if new else []
    return [*changed, *configure_providers(account.configuration, providers)]


def parse_setting(name: str, text: str) -> Any:
    """The value of a setting as typed on a command line; refuses what it cannot be."""
    return parse_provider(name, text) if is_provider(name) else _parsed(name, text)


def _parsed(name: str, text: str) -> Any:
    if name not in SETTINGS:
        raise InvalidSetting(f"There is no setting {name}. Settings: {', '.join(SETTINGS)}")
    default = SETTINGS[name][0]
    if isinstance(default, bool):
        if text.lower() not in ("true", "false", "on", "off", "1", "0"):
            raise InvalidSetting(f"{name}: found {text!r}, expected true or false")
        return text.lower() in ("true", "on", "1")
    if isinstance(default, int):
        most = next((most for unit, most in MOST.items() if name.endswith(unit)), MOST_OF_OTHERS)
        if not is_whole(text, 9) or int(text) > most:
            found = repr(text[:40])
            raise InvalidSetting(f"{name}: found {found}, expected a whole number up to {most}")
        return int(text)
    if name in CHOICES and text not in CHOICES[name]:
        raise InvalidSetting(f"{name}: found {text!r}, expected {' or '.join(CHOICES[name])}")
    if name == "price_divergence_rule":
        try:
            read_ranges(text)
        except ValueError as error:
            raise InvalidSetting(f"{name}: {error}") from None
    _require_form(name, text)
    return text


def _require_form(name: str, text: str) -> None:
    """Refuse a text that pages, carts or mails could not work with."""
    expected = None
    if name in _FORMS and not _FORMS[name][0].fullmatch(text):
        expected = _FORMS[name][1]
    elif name == "time_zone" and find_zone(text) is None:
        expected = "a zone of the IANA database, as America/Sao_Paulo"
    elif name == "mail_from" and text and not _is_sender(text):
        expected = "an address, as Store <no-reply@store.com>, or nothing"
    if expected:
        raise InvalidSetting(f"{name}: found {text[:40]!r}, expected {expected}")


def _is_sender(text: str) -> bool:
    try:
        address_of(text)
    except InvalidMail:
        return False
    return True
