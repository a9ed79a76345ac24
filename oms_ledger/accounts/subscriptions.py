"""Feeds and hooks of an account's keys: configured, paused, given another secret, removed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from oms_ledger.accounts.configuration import Applier, Configuration
from oms_ledger.accounts.refusals import NoSubscription

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A row of `feeds`: the filter as posted, visibility and retention in seconds."""

    app_key: str
    filter: dict[str, Any]
    visibility: int
    retention: int
    created_at: int

    @property
    def id(self) -> str:
        """The app key whose feed it is: a key has one."""
        return self.app_key


@dataclass(frozen=True, slots=True)
class HookItem:
    """A row of `hooks`; instants in microseconds. Pauses here are those that somebody asked for."""

    app_key: str
    filter: dict[str, Any]
    url: str
    created_at: int
    headers: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    previous_secret: str | None = None
    previous_until: int = 0
    paused_at: int | None = None
    resumed_at: int = 0

    @property
    def id(self) -> str:
        """The app key whose hook it is: a key has one."""
        return self.app_key


@dataclass(frozen=True, slots=True)
class FeedConfigured:
    """A key's feed was made or changed; visibility and retention in seconds."""

    app_key: str
    filter: dict[str, Any]
    visibility: int
    retention: int


@dataclass(frozen=True, slots=True)
class FeedRemoved:
    """The key has no feed any more; what was in it is gone."""

    app_key: str


@dataclass(frozen=True, slots=True)
class HookConfigured:
    """`secret` is the signing secret of a new hook; a known one keeps its own."""

    app_key: str
    filter: dict[str, Any]
    url: str
    headers: dict[str, str] = field(default_factory=dict, metadata={"personal": True})
    secret: str = field(default="", metadata={"personal": True})


@dataclass(frozen=True, slots=True)
class HookRemoved:
    """The key has no hook any more; what waits to be posted is not."""

    app_key: str


@dataclass(frozen=True, slots=True)
class HookPaused:
    """Nothing is posted to the hook, and what matches waits, until it is resumed."""

    app_key: str


@dataclass(frozen=True, slots=True)
class HookResumed:
    """The hook is posted to again, what waited first."""

    app_key: str


@dataclass(frozen=True, slots=True)
class HookSecretRotated:
    """With an overlap of 0 the previous secret is worth nothing at once."""

    app_key: str
    overlap_seconds: int = 0
    secret: str = field(default="", metadata={"personal": True})


SubscriptionEvent = (
    FeedConfigured
    | FeedRemoved
    | HookConfigured
    | HookRemoved
    | HookPaused
    | HookResumed
    | HookSecretRotated
)


def _feed_configured(before: Configuration, event: FeedConfigured, at: int) -> Configuration:
    known = before.get(FeedItem, event.app_key)
    return before.put(
        FeedItem(
            event.app_key,
            event.filter,
            event.visibility,
            event.retention,
            known.created_at if known else at,
        )
    )


def _feed_removed(before: Configuration, event: FeedRemoved, at: int) -> Configuration:
    return before.without(FeedItem, event.app_key)


def _hook_configured(before: Configuration, event: HookConfigured, at: int) -> Configuration:
    known = before.get(HookItem, event.app_key)
    fields: dict[str, Any] = {"filter": event.filter, "url": event.url, "headers": event.headers}
    if known is not None:
        return before.put(replace(known, **fields))
    return before.put(HookItem(app_key=event.app_key, created_at=at, secret=event.secret, **fields))


def _hook_removed(before: Configuration, event: HookRemoved, at: int) -> Configuration:
    return before.without(HookItem, event.app_key)


def _hook_paused(before: Configuration, event: HookPaused, at: int) -> Configuration:
    return _hook_changed(before, event.app_key, paused_at=at)


def _hook_resumed(before: Configuration, event: HookResumed, at: int) -> Configuration:
    return _hook_changed(before, event.app_key, paused_at=None, resumed_at=at)


def _hook_rotated(before: Configuration, event: HookSecretRotated, at: int) -> Configuration:
    hook = before.get(HookItem, event.app_key)
    previous = hook.secret if hook and event.overlap_seconds else None
    return _hook_changed(
        before,
        event.app_key,
        secret=event.secret,
        previous_secret=previous,
        previous_until=at + event.overlap_seconds * SECOND,
    )


def _hook_changed(before: Configuration, app_key: str, **fields: Any) -> Configuration:
    """A hook of before configuration was recorded is not known: it is imported afterwards."""
    hook = before.get(HookItem, app_key)
    return before if hook is None else before.put(replace(hook, **fields))


APPLIERS: Mapping[type, Applier] = {
    FeedConfigured: _feed_configured,
    FeedRemoved: _feed_removed,
    HookConfigured: _hook_configured,
    HookRemoved: _hook_removed,
    HookPaused: _hook_paused,
    HookResumed: _hook_resumed,
    HookSecretRotated: _hook_rotated,
}


def configure_feed(
    configuration: Configuration, requested: FeedConfigured
) -> list[SubscriptionEvent]:
    """Nothing new where the feed is configured so already."""
    known = configuration.get(FeedItem, requested.app_key)
    if known is not None and (known.filter, known.visibility, known.retention) == (
        requested.filter,
        requested.visibility,
        requested.retention,
    ):
        return []
    return [requested]


def remove_feed(configuration: Configuration, app_key: str) -> list[SubscriptionEvent]:
    """Take a key's feed away; `NoSubscription` where it has none."""
    if configuration.get(FeedItem, app_key) is None:
        raise NoSubscription("feed")
    return [FeedRemoved(app_key)]


def configure_hook(
    configuration: Configuration, requested: HookConfigured
) -> list[SubscriptionEvent]:
    """Nothing new where the hook is configured so already."""
    known = configuration.get(HookItem, requested.app_key)
    if known is None:
        return [requested]
    if (known.filter, known.url, known.headers) == (
        requested.filter,
        requested.url,
        requested.headers,
    ):
        return []
    return [replace(requested, secret="")]


def remove_hook(configuration: Configuration, app_key: str) -> list[SubscriptionEvent]:
    """Take a key's hook away; `NoSubscription` where it has none."""
    require_hook(configuration, app_key)
    return [HookRemoved(app_key)]


def pause_hook(configuration: Configuration, app_key: str) -> list[SubscriptionEvent]:
    """Have what matches wait; recorded again for a hook that is paused already."""
    require_hook(configuration, app_key)
    return [HookPaused(app_key)]


def resume_hook(configuration: Configuration, app_key: str) -> list[SubscriptionEvent]:
    """Post again what waits; recorded for a hook that was not paused too."""
    require_hook(configuration, app_key)
    return [HookResumed(app_key)]


def rotate_hook_secret(
    configuration: Configuration, app_key: str, *, secret: str, overlap_seconds: int
) -> list[SubscriptionEvent]:
    """Sign by another secret, and for the overlap by the one of before as well.

    `NoSubscription` where the key has no hook.
    """
    require_hook(configuration, app_key)
    return [HookSecretRotated(app_key, overlap_seconds, secret)]


def require_hook(configuration: Configuration, app_key: str) -> HookItem:
    """The key's hook; `NoSubscription` where it has none."""
    hook = configuration.get(HookItem, app_key)
    if hook is None:
        raise NoSubscription("hook")
    return hook
