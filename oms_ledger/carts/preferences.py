"""How an account writes money and time, by its country and currency, as published documents do."""

from typing import Any

Json = dict[str, Any]

# Locale id, language, symbol, decimal and group separators, symbol first.
_CURRENCIES: dict[str, tuple[int, str, str, str, bool]] = {
    "BRL": (1046, "R$", ",", ".", True),
    "USD": (1033, "$", ".", ",", True),
    "EUR": (1036, "€", ",", ".", False),
    "GBP": (2057, "£", ".", ",", True),
    "ARS": (11274, "$", ",", ".", True),
    "CLP": (13322, "$", ",", ".", True),
    "COP": (9226, "$", ",", ".", True),
    "MXN": (2058, "$", ".", ",", True),
    "PEN": (10250, "S/", ".", ",", True),
    "UYU": (14346, "$", ",", ".", True),
    "CAD": (4105, "$", ".", ",", True),
    "RON": (1048, "lei", ",", ".", False),
    "PLN": (1045, "zł", ",", " ", False),
}
_WITHOUT_CENTS = {"CLP", "COP", "PYG", "JPY"}
_ZONES = {
    "America/Sao_Paulo": "E. South America Standard Time",
    "America/Bahia": "Bahia Standard Time",
    "America/Manaus": "Central Brazilian Standard Time",
    "America/Fortaleza": "SA Eastern Standard Time",
    "America/Argentina/Buenos_Aires": "Argentina Standard Time",
    "America/Santiago": "Pacific SA Standard Time",
    "America/Bogota": "SA Pacific Standard Time",
    "America/Lima": "SA Pacific Standard Time",
    "America/Montevideo": "Montevideo Standard Time",
    "America/Mexico_City": "Central Standard Time (Mexico)",
    "America/New_York": "Eastern Standard Time",
    "America/Chicago": "Central Standard Time",
    "America/Denver": "Mountain Standard Time",
    "America/Los_Angeles": "Pacific Standard Time",
    "Europe/London": "GMT Standard Time",
    "Europe/Lisbon": "GMT Standard Time",
    "Europe/Madrid": "Romance Standard Time",
    "Europe/Paris": "Romance Standard Time",
    "Europe/Rome": "W. Europe Standard Time",
    "Europe/Berlin": "W. Europe Standard Time",
    "Europe/Bucharest": "GTB Standard Time",
    "UTC": "UTC",
}


def store_preferences(country: str, currency: str, time_zone: str) -> Json:
    """The section `storePreferencesData`; a zone without a Windows name stays as it is."""
    locale, symbol, decimal, group, first = _CURRENCIES.get(
        currency, (1033, currency, ".", ",", True)
    )
    return {
        "countryCode": country,
        "saveUserData": True,
        "timeZone": _ZONES.get(time_zone, time_zone),
        "currencyCode": currency,
        "currencyLocale": locale,
        "currencySymbol": symbol,
        "currencyFormatInfo": {
            "currencyDecimalDigits": 0 if currency in _WITHOUT_CENTS else 2,
            "currencyDecimalSeparator": decimal,
            "currencyGroupSeparator": group,
            "currencyGroupSize": 3,
            "startsWithCurrencySymbol": first,
        },
    }
