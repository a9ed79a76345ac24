"""Where an order goes by itself, and what it says the levels around it (contract 01 §§2, 3, 6)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.model.reference.side import (
    PASSING,
    Key,
    Message,
    Side,
)

Content = tuple[str, str, int, dict[str, int]]


class Flows:
    """The sides of one sale, by account and order id, and where statuses lead by themselves."""

    def __init__(self, now: datetime, graces: dict[str, timedelta], window: timedelta) -> None:
        self.began = self.now = now
        self.graces, self.window = graces, window
        self.sides: dict[Key, Side] = {}

    def place(self, account: str, order_id: str, chain: tuple[str, ...]) -> Side:
        """What the store sold; `chain` are the accounts below it, none when it delivers itself."""
        flow = "marketplace" if chain else "complete"
        return self.placed(account, order_id, flow, chain, None, {"7": 3, "9": 0})

    def placed(
        self,
        account: str,
        order_id: str,
        flow: str,
        chain: tuple[str, ...],
        marketplace_order: Key | None,
        units: dict[str, int],
    ) -> Side:
        side = Side(
            account=account,
            id=order_id,
            flow=flow,
            chain=chain,
            marketplace_order=marketplace_order,
            grace=self.graces[account],
            units=dict(units),
            left=dict(units),
        )
        self.sides[side.key] = side
        return side

    def process(self, side: Side, *, paid: bool) -> None:
        """The payments were sent; `paid` when the money came with them."""
        side.paid = side.paid or paid
        self.come(side, "order-created")

    def come(self, side: Side, status: str) -> None:
        """Enter a status, and those that follow by themselves."""
        side.history.append((status, self.now))
        if status in _ON_ARRIVAL:
            _ON_ARRIVAL[status](self, side)
        elif status in PASSING:
            self.come(side, PASSING[status])

    def _seller_awaited(self, side: Side) -> None:
        if side.delegated:
            self.tell_below(side, "place")
        else:
            self.come(side, "payment-pending")

    def _money_awaited(self, side: Side) -> None:
        if side.paid:
            self.come(side, "approve-payment")

    def _paid(self, side: Side) -> None:
        if side.flow == "complete":
            self.come(side, "authorize-fulfillment")
            return
        self.tell_below(side, "authorize")
        if side.flow == "chain":
            self.come(side, "waiting-seller-handling")

    def _window_opened(self, side: Side) -> None:
        side.closes = self.now + side.grace
        if side.grace == timedelta(0):
            self.come(side, "ready-for-handling")

    def _verified(self, side: Side) -> None:
        if side.invoiced == side.value:
            self.come(side, "invoiced")
        elif side.delegated:
            rests = "payment-approved" if side.flow == "marketplace" else "waiting-seller-handling"
            self.come(side, rests)

    def _invoiced_despite(self, side: Side) -> None:
        self.come(side, "invoice" if side.invoiced == side.value else "handling")

    def _denied(self, side: Side) -> None:
        self.come(side, side.before)

    def _out(self, side: Side) -> None:
        self.tell_below(side, "cancel")
        self.tell_above(side, "canceled", "canceled")

    # Messages are put before the door of the other side, once each

    def tell_below(self, side: Side, kind: str, key: str = "") -> None:
        if side.delegated:
            self.tell(
                side,
                f"seller:{side.chain[0]}",
                kind,
                key or side.seller_side[1],
                side.seller_side,
            )

    def tell_above(self, side: Side, kind: str, key: str, what: Content | None = None) -> None:
        if side.marketplace_order is not None:
            self.tell(
                side,
                f"marketplace:{side.marketplace_order[0]}",
                kind,
                key,
                side.marketplace_order,
                what,
            )

    def tell(
        self, side: Side, recipient: str, kind: str, key: str, to: Key, what: Content | None = None
    ) -> None:
        if (recipient, kind, key) not in side.sent:
            side.sent.add((recipient, kind, key))
            side.outbox.append(Message(recipient, kind, key, to, self.now, what))


_ON_ARRIVAL: dict[str, Callable[[Flows, Side], None]] = {
    "waiting-for-authorization": Flows._seller_awaited,
    "payment-pending": Flows._money_awaited,
    "payment-approved": Flows._paid,
    "window-to-cancel": Flows._window_opened,
    "invoice": Flows._verified,
    "invoice-after-cancellation-deny": Flows._invoiced_despite,
    "cancellation-request-denied": Flows._denied,
    "cancellation-request-denied-ffm": Flows._denied,
    "canceled": Flows._out,
}
