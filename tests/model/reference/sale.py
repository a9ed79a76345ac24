"""What clients may ask of a side, and what it answers (contract 01 §§3-5, 02 §10, 03)."""

from copy import deepcopy
from datetime import timedelta

from tests.model.reference.flows import Flows
from tests.model.reference.side import (
    IN_HANDLING,
    Change,
    Refused,
    Request,
    Side,
    worth,
)

DAYS_TO_DECIDE = timedelta(days=30)
TIME_TO_PAY = timedelta(minutes=5)
FINAL = ("canceled", "replaced")


class Sale(Flows):
    """A sale, and what may be asked of it."""

    def copy(self) -> "Sale":
        return deepcopy(self)

    def start(self, side: Side) -> None:
        _needs_workflow(side)
        if side.status != "ready-for-handling":
            raise Refused("OMS003")
        self.come(side, "start-handling")

    def notify(self, side: Side) -> None:
        """The money came."""
        if side.flow not in ("complete", "marketplace"):
            raise Refused("CHK0181")
        if side.paid:
            return
        if side.status is None:
            if side.expired:
                raise Refused("CHK0200")
            side.paid = True
            return
        if side.status not in ("payment-pending", "waiting-for-authorization"):
            raise Refused("CHK0242")
        side.paid = True
        if side.status == "payment-pending":
            self.come(side, "approve-payment")

    def cancel(self, side: Side, request: str) -> None:
        _needs_workflow(side)
        if side.status in (*FINAL, "waiting-for-seller-decision"):
            return
        all_returned = side.status == "invoiced" and side.returned >= side.invoiced
        if side.invoiced and not all_returned:
            raise Refused("CHK0202")
        if asks_first(side):
            self.ask_to_cancel(side, Request(request))
        else:
            self.canceled(side)

    def ask_to_cancel(self, side: Side, request: Request) -> None:
        """A cancellation that somebody has to decide."""
        self.drop_change(side)
        side.requests.append(request)
        side.before, side.overdue = side.status or "", False
        self.come(side, "request-cancel" if side.delegated else "cancellation-requested")
        self.tell_below(side, "ask", request.id)

    def canceled(self, side: Side) -> None:
        self.drop_change(side)
        self.come(side, "cancel")

    def deny(self, side: Side, request: str) -> None:
        _needs_workflow(side)
        known = next((one for one in side.requests if one.id == request), None)
        if known is None:
            raise Refused("OMS004")
        if known.denied and "cancel" not in (status for status, _ in side.history):
            return
        if side.status not in ("cancellation-requested", "waiting-for-seller-decision"):
            raise Refused("OMS004")
        self.denied(side)

    def denied(self, side: Side) -> None:
        """One decision ends all that wait for it."""
        waited = side.pending
        for one in waited:
            one.denied = True
        for one in waited:
            self.tell_above(side, "denied", one.id)
        if side.flow == "complete":
            self.come(side, side.before)
        else:
            ffm = "-ffm" if side.flow == "seller" else ""
            self.come(side, f"cancellation-request-denied{ffm}")

    def invoice(
        self, side: Side, number: str, kind: str, value: int, units: dict[str, int]
    ) -> None:
        """`units` by SKU; none get for an invoice of whatever is left."""
        _needs_workflow(side)
        if number in side.invoices:
            if side.invoices[number][0] != kind:
                raise Refused("OMS004")
            return
        if side.change:
            raise Refused("SalesOrderSystem014")
        if kind == "Input":
            self._take_back(side, number, value)
        else:
            units = self._put_out(side, number, value, units)
        side.recorded.append("invoice")
        self.tell_above(side, "invoice", number, (number, kind, value, units))

    def _take_back(self, side: Side, number: str, value: int) -> None:
        if not side.invoiced:
            raise Refused("OMS004")
        if side.invoiced == side.value:
            if value > side.invoiced - side.refunded:
                raise Refused("CHK0054")
            side.refunded += value
        side.invoices[number] = ("Input", value)

    def _put_out(
        self, side: Side, number: str, value: int, units: dict[str, int]
    ) -> dict[str, int]:
        """The units that the invoice is of: what is left when it closes the order."""
        if not takes_output(side):
            raise Refused("ORD039")
        if side.invoiced + value > side.value:
            raise Refused("OMS004")
        if any(number_of > side.left[sku] for sku, number_of in units.items()):
            raise Refused("CHK0023" if all(side.units[sku] for sku in units) else "CHK0022")
        side.invoices[number] = ("Output", value)
        complete = side.invoiced == side.value
        taken = units or (dict(side.left) if complete else _whole_lines(side, value))
        for sku, number_of in taken.items():
            side.left[sku] -= number_of
        if side.status in ("cancellation-requested", "waiting-for-seller-decision"):
            for one in side.pending:  # an invoice counts as a denial
                one.denied = True
        if side.status == "ready-for-handling":
            self.come(side, "start-handling")
        if side.status == "cancellation-requested":
            self.come(side, "invoice-after-cancellation-deny")
        elif complete or side.delegated:
            self.come(side, "invoice")
        return {sku: number_of for sku, number_of in taken.items() if number_of}

    # Changes of both generations

    def change_v1(self, side: Side, request: str, units: dict[str, int]) -> None:
        if request in side.v1:
            return
        self._may_change_v1(side, units)
        self._at_the_seller(side, request, units)
        self.changed_v1(side, request, units)

    def _at_the_seller(self, side: Side, request: str, units: dict[str, int]) -> None:
        """Whoever delivers may have invoiced meanwhile: it is asked first."""
        seller_side = self.sides.get(side.seller_side) if side.delegated else None
        if seller_side and request not in seller_side.v1:
            self._at_the_seller(seller_side, request, units)
            self.may_take_v1(seller_side, units)
            self.changed_v1(seller_side, request, units)

    def may_take_v1(self, side: Side, units: dict[str, int]) -> None:
        if any(one.ended == "done" for one in side.changes):
            raise Refused("SalesOrderSystem015")
        over = side.flow == "seller" and side.status in ("invoiced", *FINAL)
        if over or not fits(side, units):
            raise Refused("OMS010")

    def _may_change_v1(self, side: Side, units: dict[str, int]) -> None:
        if side.flow == "chain":
            raise Refused("OMS010")
        _needs_workflow(side)
        if side.change:
            raise Refused("SalesOrderSystem014")
        if any(one.ended == "done" for one in side.changes):
            raise Refused("SalesOrderSystem015")
        allowed = ("payment-approved",) if side.flow == "marketplace" else IN_HANDLING
        if side.status not in allowed or not fits(side, units):
            raise Refused("OMS010")

    def changed_v1(
        self, side: Side, request: str, units: dict[str, int], *, result: bool = False
    ) -> None:
        """It gets to every other level of the sale: the one in the middle passes it on."""
        side.v1[request] = units
        side.changed(units)
        if not result or side.flow == "chain":
            self.tell_below(side, "v1", request)
            self.tell_above(side, "v1", request)
        self._nothing_left(side)

    def _nothing_left(self, side: Side) -> None:
        """A change may leave nothing to invoice: then all is invoiced."""
        invoicing = (*IN_HANDLING, "payment-approved", "waiting-seller-handling")
        if side.invoiced and side.invoiced == side.value and side.status in invoicing:
            self.come(side, "invoice")

    def change_v2(self, side: Side, request: str, units: dict[str, int]) -> None:
        self.may_change_v2(side)
        if sum(side.units.values()) + sum(units.values()) < 1:
            raise Refused("CHK0124")
        for sku, number in units.items():
            if number < 0 and side.left[sku] < -number:
                raise Refused("SalesOrderSystem046")
        if side.value + worth(units) < side.invoiced:
            raise Refused("CHK0034")
        side.changes.append(Change(request, units, here=True, at=self.now))
        self.ask_other(side, side.changes[-1])

    def may_change_v2(self, side: Side) -> None:
        if side.flow == "chain":
            raise Refused("CHK0095")
        if side.status is None:
            raise Refused("CHK0229")
        if side.status in FINAL:
            raise Refused("SalesOrderSystem008")
        if side.change:
            raise Refused("SalesOrderSystem014")
        if side.v1:
            raise Refused("SalesOrderSystem015")
        if side.status == "invoiced":
            raise Refused("SalesOrderSystem046")
        allowed = ("payment-approved",) if side.flow == "marketplace" else IN_HANDLING
        if side.status not in allowed:
            raise Refused("CHK0124")

    def ask_other(self, side: Side, change: Change) -> None:
        key = f"{change.id}/{len(side.sent)}"
        what = (change.id, "", 0, change.units)
        if side.flow == "marketplace":
            self.tell(side, f"seller:{side.chain[0]}", "ask-change", key, side.seller_side, what)
        else:
            self.tell_above(side, "ask-change", key, what)

    def retry_v2(self, side: Side, request: str) -> None:
        change = _request(side, request)
        if change.ended:
            raise Refused("SalesOrderSystem016")
        change.tries = 0
        if change.here and not change.agreed:
            self.ask_other(side, change)

    def cancel_v2(self, side: Side, request: str) -> None:
        change = _request(side, request)
        if change.ended == "done":
            raise Refused("CHK0124")
        if change.ended is None and side.flow == "seller" and change.agreed:
            raise Refused("SalesOrderSystem014")
        if change.ended is None:
            self.end_change(side, change)

    def drop_change(self, side: Side) -> None:
        """A cancellation of the order wins over its change."""
        if side.change:
            self.end_change(side, side.change)

    def end_change(self, side: Side, change: Change) -> None:
        change.ended = "canceled"
        self.settled(side, change)

    def settled(self, side: Side, change: Change) -> None:
        what = (change.id, change.ended, 0, change.units)
        if side.flow == "marketplace":
            key = f"{change.id}/ended"
            self.tell(side, f"seller:{side.chain[0]}", "settle-change", key, side.seller_side, what)
        elif change.ended == "canceled":
            self.tell_above(side, "settle-change", f"{change.id}/ended", what)

    def apply(self, side: Side, change: Change) -> None:
        change.ended = "done"
        side.changed(change.units)
        self._nothing_left(side)
        self.settled(side, change)

    # Another seller

    def propose_seller(self, side: Side, seller: str) -> str:
        """The id that the order would have there."""
        _needs_workflow(side)
        changeable = ("window-to-change-seller", "payment-pending", "waiting-for-authorization")
        if side.flow != "marketplace":
            raise Refused("CHK0047")
        if side.v1 or any(one.ended == "done" for one in side.changes):
            raise Refused("CHK0187")
        if side.invoices:
            raise Refused("CHK0190")
        if side.status not in changeable:
            raise Refused("CHK0047")
        if side.chain[0] == seller:
            raise Refused("CHK0195")
        side.proposed += 1
        seller_side = f"{side.proposed:02d}-{side.id}"
        self.tell(side, f"proposal:{seller}", "settle-proposal", seller_side, (seller, seller_side))
        placed = self.placed(seller, seller_side, "seller", (), side.key, side.units)
        self.come(placed, "order-accepted")
        return seller_side

    def change_seller(self, side: Side, seller: str) -> None:
        seller_side = self.propose_seller(side, seller)
        self.tell_below(side, "cancel")
        side.chain, side.seller_order = (seller,), seller_side
        if side.status == "window-to-change-seller":
            self.come(side, side.before)
        elif side.status == "waiting-for-authorization":
            self.come(side, "payment-pending")

    # Time

    def later(self, delay: timedelta) -> None:
        """Time passes, and what was due is done."""
        self.now += delay
        for side in self.sides.values():
            self._due(side)

    def _due(self, side: Side) -> None:
        change = side.change
        bound = change is not None and change.agreed and side.flow == "seller"
        if change and not bound and self.now >= change.at + timedelta(hours=24):
            self.end_change(side, change)
        if side.status is None:
            side.expired = side.expired or self.now >= self.began + TIME_TO_PAY
            return
        waited = self.now - side.since
        if side.status == "window-to-cancel" and side.closes and self.now >= side.closes:
            self.come(side, "ready-for-handling")
        elif side.status == "window-to-change-seller" and waited >= self.window:
            self.canceled(side)
        elif waited < DAYS_TO_DECIDE:
            return
        elif side.status in ("waiting-ffmt-authorization", "cancellation-requested"):
            self.canceled(side)
        elif side.status == "waiting-for-seller-decision" and not side.overdue:
            self.insist(side)

    def insist(self, side: Side) -> None:
        """The level below has to cancel: there is nothing left to decide, unless it invoiced."""
        side.overdue = True
        self.tell_below(side, "cancel", f"overdue/{side.requests[-1].id}")


def _needs_workflow(side: Side) -> None:
    if side.status is None:
        raise Refused("CHK0200")


def _request(side: Side, request: str) -> Change:
    for change in side.changes:
        if change.id == request:
            return change
    raise Refused("CHK0289")


def asks_first(side: Side) -> bool:
    """Whether a cancellation is a question here, and not done at once (contract 01 §3.6)."""
    if side.delegated:
        # The order below is there once it was confirmed, and has a say from then on.
        requested = ("payment-pending", "waiting-for-mkt-authorization")
        return side.status in (*requested, "payment-approved", "waiting-seller-handling")
    return side.status in ("ready-for-handling", *IN_HANDLING)


def _whole_lines(side: Side, value: int) -> dict[str, int]:
    """The first lines of which nothing is invoiced, if they add up to the value to the cent."""
    taken = dict[str, int]()
    for sku, number, left in side.lines:
        if worth(taken) < value and left == number > 0:
            taken[sku] = taken.get(sku, 0) + number
    return taken if worth(taken) == value else {}


def takes_output(side: Side) -> bool:
    if side.delegated:
        taken = ("payment-approved", "waiting-seller-handling", "waiting-for-seller-decision")
        return side.status in taken
    return side.status in ("ready-for-handling", "cancellation-requested", *IN_HANDLING)


def fits(side: Side, units: dict[str, int]) -> bool:
    """Whether units that leave are still there, and what was invoiced is still worth less."""
    there = all(side.left[sku] + number >= 0 for sku, number in units.items())
    return there and side.value + worth(units) >= side.invoiced
