"""That the person was erased. What is gone shows as its default, because no key opens it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from oms_ledger.orders import events
from oms_ledger.orders.order import Order


def _erased(order: Order, event: events.PersonErased, at: datetime) -> Order:
    return replace(order, erased_at=at)


APPLIERS: Mapping[type, Callable[[Order, Any, datetime], Order]] = {events.PersonErased: _erased}
