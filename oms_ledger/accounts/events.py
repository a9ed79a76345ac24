"""The account: its name and its settings."""

from dataclasses import dataclass, field
from typing import Any

from oms_ledger.accounts.configuration import ConfigurationImported
from oms_ledger.accounts.gateways import GatewayEvent
from oms_ledger.accounts.keys import KeyEvent
from oms_ledger.accounts.mail_providers import MailProviderEvent
from oms_ledger.accounts.members import MemberEvent
from oms_ledger.accounts.registers import RegisterEvent
from oms_ledger.accounts.subscriptions import SubscriptionEvent
from oms_ledger.accounts.tokens import TokensEnded
from oms_ledger.accounts.trigger_secrets import TriggerSecretRotated


@dataclass(frozen=True, slots=True)
class AccountCreated:
    """The first event of an account; `suffix` are the four letters that end its order groups."""

    name: str
    suffix: str


@dataclass(frozen=True, slots=True)
class AccountSettingsChanged:
    """The settings that got another value, by name; the others stay."""

    settings: dict[str, Any]


# What people and integrations did to the account itself: who did it and when is in the record.
# No secrets in plain, no names, no e-mails: the chain of seals keeps them for good.


@dataclass(frozen=True, slots=True)
class PersonLookedUp:
    """Somebody looked for a person's orders; `person` is the keyed hash of e-mail or document."""

    person: str


@dataclass(frozen=True, slots=True)
class DocumentsDisclosed:
    """Personal data of Master Data that the account masks was shown, for a reason."""

    entity: str
    count: int
    documents: tuple[str, ...] = field(default=(), metadata={"personal": True})
    reason: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class SubscriptionConfigured:
    """Of before configuration was recorded. `kind` is `feed` or `hook`."""

    app_key: str
    kind: str


@dataclass(frozen=True, slots=True)
class SubscriptionRemoved:
    """Of before configuration was recorded."""

    app_key: str
    kind: str


@dataclass(frozen=True, slots=True)
class SubscriptionReplayed:
    """`since` is a position; `order_id` where one order alone was produced again."""

    app_key: str
    kind: str
    since: int
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLettersRequeued:
    """What a feed or hook could not deliver is tried again; `count` is of notifications."""

    app_key: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class FilterResumed:
    """A filter goes on that was paused because it ended the process that ran it."""

    app_key: str
    kind: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A command was begun on many orders, as a job; `orders` is how many were chosen."""

    run: str
    command: str
    orders: int


@dataclass(frozen=True, slots=True)
class RunStopped:
    """Somebody ended a run early: the orders that it had not come to stay as they are."""

    run: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """Somebody asked for work that is done in the background; `kind` is the job's."""

    job: str
    kind: str


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """Somebody ended a job before it was done."""

    job: str
    kind: str


AccountEvent = (
    AccountCreated
    | AccountSettingsChanged
    | PersonLookedUp
    | DocumentsDisclosed
    | ConfigurationImported
    | KeyEvent
    | SubscriptionEvent
    | GatewayEvent
    | RegisterEvent
    | MemberEvent
    | TokensEnded
    | TriggerSecretRotated
    | MailProviderEvent
    | SubscriptionConfigured
    | SubscriptionRemoved
    | SubscriptionReplayed
    | DeadLettersRequeued
    | FilterResumed
    | RunStarted
    | RunStopped
    | JobStarted
    | JobCancelled
)
