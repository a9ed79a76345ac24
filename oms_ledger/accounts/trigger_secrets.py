"""The secret that signs what an account's triggers send."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from oms_ledger.accounts.configuration import Applier, Configuration


@dataclass(frozen=True, slots=True)
class TriggerSecretItem:
    """A row of `trigger_secrets`."""

    created_at: int
    secret: str = ""

    id = ""  # an account has one


@dataclass(frozen=True, slots=True)
class TriggerSecretRotated:
    """Triggers sign by this secret from now on; the one of before is worth nothing."""

    secret: str = field(default="", metadata={"personal": True})


def _rotated(before: Configuration, event: TriggerSecretRotated, at: int) -> Configuration:
    return before.put(TriggerSecretItem(at, event.secret))


APPLIERS: Mapping[type, Applier] = {TriggerSecretRotated: _rotated}
