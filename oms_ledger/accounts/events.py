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


# What people and integrations did to the account itself: who did it and when is in the record.
# No secrets, no names, no e-mails: the chain of seals keeps them for good.


@dataclass(frozen=True, slots=True)
class PersonLookedUp:
    """Somebody looked for a person's orders; `person` is the keyed hash of e-mail or document."""

    person: str


@dataclass(frozen=True, slots=True)
class OperatorInvited:
    operator: str
    role: str


@dataclass(frozen=True, slots=True)
class OperatorRoleChanged:
    operator: str
    role: str


@dataclass(frozen=True, slots=True)
class OperatorRemoved:
    operator: str


@dataclass(frozen=True, slots=True)
class KeyCreated:
    """`party` as `seller:ID` or `affiliate:ID`: whose orders alone the key opens."""

    app_key: str
    role: str
    party: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRotated:
    app_key: str
    overlap_seconds: int


@dataclass(frozen=True, slots=True)
class KeyRevoked:
    app_key: str


@dataclass(frozen=True, slots=True)
class SubscriptionConfigured:
    """`kind` is `feed` or `hook`."""

    app_key: str
    kind: str


@dataclass(frozen=True, slots=True)
class SubscriptionRemoved:
    app_key: str
    kind: str


@dataclass(frozen=True, slots=True)
class HookPaused:
    app_key: str


@dataclass(frozen=True, slots=True)
class HookResumed:
    app_key: str


@dataclass(frozen=True, slots=True)
class HookSecretRotated:
    app_key: str


@dataclass(frozen=True, slots=True)
class SubscriptionReplayed:
    """`since` is a position; `order_id` where one order alone was produced again."""

    app_key: str
    kind: str
    since: int
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLettersRequeued:
    app_key: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class ViewShared:
    view: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    run: str
    command: str
    orders: int


@dataclass(frozen=True, slots=True)
class RunStopped:
    run: str


@dataclass(frozen=True, slots=True)
class SellerConfigured:
    seller: str


@dataclass(frozen=True, slots=True)
class SellerActivated:
    """Whether orders may be placed at it."""

    seller: str
    active: bool


@dataclass(frozen=True, slots=True)
class SellerChannelsMapped:
    seller: str


@dataclass(frozen=True, slots=True)
class SellerRemoved:
    seller: str


@dataclass(frozen=True, slots=True)
class AffiliateConfigured:
    affiliate: str


@dataclass(frozen=True, slots=True)
class AffiliateRemoved:
    affiliate: str


AccountEvent = (
    AccountCreated
    | AccountSettingsChanged
    | PersonLookedUp
    | OperatorInvited
    | OperatorRoleChanged
    | OperatorRemoved
    | KeyCreated
    | KeyRotated
    | KeyRevoked
    | SubscriptionConfigured
    | SubscriptionRemoved
    | HookPaused
    | HookResumed
    | HookSecretRotated
    | SubscriptionReplayed
    | DeadLettersRequeued
    | ViewShared
    | RunStarted
    | RunStopped
    | SellerConfigured
    | SellerActivated
    | SellerChannelsMapped
    | SellerRemoved
    | AffiliateConfigured
    | AffiliateRemoved
)
