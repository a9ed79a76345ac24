"""Settings of an account as they are typed: what each may be."""

from datetime import UTC, datetime

import pytest

from oms_ledger.accounts.account import SETTINGS, parse_setting
from oms_ledger.accounts.refusals import InvalidSetting
from oms_ledger.carts.documents.deliveries import Estimates
from oms_ledger.time_zones import find_zone, zone_or_utc

NO_ZONES = ["Nowhere/Else", "America", "../UTC", "", "UTC\x00", "a" * 5000, "\ud800"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_is_what_its_setting_may_be(name):
    default = SETTINGS[name][0]
    assert parse_setting(name, str(default)) == default


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("time_zone", "America/Sao_Paulo"),
        ("currency", "EUR"),
        ("country", "PRT"),
        ("language", "pt-BR"),
        ("language", "zh-Hant-TW"),
        ("mail_from", "Store <no-reply@store.example>"),
        ("order_placed_url", "https://store.example/спасибо?a=1#top"),
        ("order_placed_url", "/thanks"),
    ],
)
def test_what_pages_carts_and_mails_can_use_is_taken(name, text):
    assert parse_setting(name, text) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("time_zone", name) for name in NO_ZONES),
        *(("currency", text) for text in ("", "real", "brl", "BR\nL", "R$")),
        *(("country", text) for text in ("", "BR", "Brazil")),
        *(("language", text) for text in ("", "é", "en_US", "en-", "en\n")),
        *(("mail_from", text) for text in ("Store", "a@b\r\nBcc: c@d", "<>")),
        *(("order_placed_url", text) for text in ("thanks", "javascript:alert(1)", "/a\r\nb: c")),
        ("price_divergence_rule", "[" * 15_000),
        ("price_divergence_rule", "1" * 5_000),
    ],
)
def test_what_they_cannot_use_is_refused(name, text):
    with pytest.raises(InvalidSetting, match=f"^{name}: "):
        parse_setting(name, text)


@pytest.mark.parametrize("name", NO_ZONES)
def test_a_zone_that_is_none_leaves_utc(name):
    """A setting that was made before it was checked makes no page and no cart fail."""
    assert (find_zone(name), zone_or_utc(name)) == (None, UTC)
    shown = Estimates(datetime(2026, 1, 2, 12, tzinfo=UTC), name, shown=True)
    assert shown.date_of("1bd") == "2026-01-05T12:00:00+00:00"
