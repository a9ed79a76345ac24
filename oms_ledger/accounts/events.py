"""The account: its name and its settings."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AccountCreated:
    name: str
    suffix: str


@dataclass(frozen=True, slots=True)
class AccountSettingsChanged:
    settings: dict[str, Any]


AccountEvent = AccountCreated | AccountSettingsChanged
