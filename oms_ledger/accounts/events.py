"""The account: its name and its settings."""

from dataclasses import dataclass

from oms_ledger.orders.parts import Json


@dataclass(frozen=True, slots=True)
class AccountCreated:
    name: str
    suffix: str


@dataclass(frozen=True, slots=True)
class AccountSettingsChanged:
    settings: Json


AccountEvent = AccountCreated | AccountSettingsChanged
