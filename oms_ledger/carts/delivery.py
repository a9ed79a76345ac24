"""The delivery of a line: the one that was chosen, else the cheapest that needs no appointment."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.carts.cart import CartLine, Choice
from oms_ledger.offers.catalog import DELIVERY, PICKUP
from oms_ledger.offers.quote import DeliveryWindow, Sla
from oms_ledger.orders.instants import parse, read_estimate

_MINUTES = {"m": 1, "h": 60, "d": 24 * 60, "bd": 24 * 60}


@dataclass(frozen=True, slots=True)
class ChosenDelivery:
    """What a line travels by, and what that costs for its whole quantity."""

    sla: Sla | None = None
    channel: str | None = None
    window: DeliveryWindow | None = None
    window_changed: bool = False

    @property
    def price(self) -> int:
        """The price of the delivery and of its window."""
        return (self.sla.price if self.sla else 0) + (self.window.price if self.window else 0)

    @property
    def list_price(self) -> int:
        """Cents of the line's freight before its tags, the window's price included."""
        return (self.sla.list_price if self.sla else 0) + (self.window.price if self.window else 0)

    @property
    def tax(self) -> int:
        """Cents of tax on the line's freight."""
        return self.sla.tax if self.sla else 0

    def as_choice(self, before: Choice) -> Choice:
        """The choice as the cart keeps it."""
        assert self.sla is not None
        window = (self.window.start, self.window.end) if self.window else None
        return Choice(
            sla=self.sla.id,
            channel=self.sla.channel,
            address_id=before.address_id,
            window=window,
        )


def choose_delivery(line: CartLine, slas: Sequence[Sla], has_address: bool) -> ChosenDelivery:
    """The delivery that the line's choice comes to among what is offered."""
    choice = line.choice
    if not has_address:
        return ChosenDelivery(channel=choice.channel)
    named = [
        sla for sla in slas if sla.id == choice.sla and choice.channel in (None, sla.channel)
    ] or [sla for sla in slas if sla.id == choice.sla]
    if choice.sla is None and choice.channel == PICKUP:
        return ChosenDelivery(channel=PICKUP)
    chosen = named[0] if named else cheapest(slas)
    if chosen is None:
        return ChosenDelivery(channel=choice.channel)
    if not named or choice.window is None:
        return ChosenDelivery(chosen, chosen.channel)
    window = window_of(chosen, choice.window)
    return ChosenDelivery(chosen, chosen.channel, window, window_changed=window is None)


def cheapest(slas: Sequence[Sla]) -> Sla | None:
    """Of the deliveries without windows the cheapest, then the quickest, then the first."""
    free = [sla for sla in slas if sla.channel == DELIVERY and not sla.windows]
    return min(free, key=lambda sla: (sla.price, minutes_of(sla.estimate)), default=None)


def minutes_of(estimate: str) -> int:
    """An estimate such as `3bd` in minutes, to compare it."""
    read = read_estimate(estimate)
    return read[0] * _MINUTES[read[1]] if read else 10**9


def window_of(sla: Sla, wanted: tuple[str, str]) -> DeliveryWindow | None:
    """The window of these two instants, however they are written."""
    start, end = map(parse, wanted)
    if start is None or end is None:
        return None
    for window in sla.windows:
        if parse(window.start) == start and parse(window.end) == end:
            return window
    return None
