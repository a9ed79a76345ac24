"""The orders that are measured with: the first shipped sample, paid by card."""

import copy
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from itertools import count
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.cli.demo import sample_order
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.orders.events import OrderPlaced
from oms_ledger.orders.handling.decide import start_handling
from oms_ledger.orders.invoices.decide import issue_invoice
from oms_ledger.orders.payments.decide import process_order
from oms_ledger.orders.placement.decide import place

ACCOUNT = "bench"
_numbers = count(1)


def purchase() -> dict[str, Any]:
    """A place-order body."""
    body = copy.deepcopy(sample_order())
    payments = body["paymentData"]["payments"]
    total = sum(payment["referenceValue"] for payment in payments)
    card = {"paymentSystem": "2", "value": total, "referenceValue": total, "installments": 1}
    body["paymentData"]["payments"] = [card]
    return body


@cache
def _template() -> OrderPlaced:
    ((_, placed),) = place(
        purchase(),
        order_group="v1bnch",
        sequences=[1],
        transaction_id="0" * 32,
        new_id=lambda: "A" * 32,
        account=Account(ACCOUNT, "bnch"),
    )
    return placed


def new_id() -> str:
    return f"v{next(_numbers)}bnch-01"


def new_order() -> tuple[str, OrderPlaced]:
    number = next(_numbers)
    group = f"v{number}bnch"
    return f"{group}-01", replace(_template(), order_group=group, sequence=number)


async def open_account(ledger: Ledger) -> None:
    def decide(_: Account | None) -> list[AccountEvent]:
        return [
            AccountCreated(ACCOUNT, "bnch"),
            AccountSettingsChanged({"grace_period_minutes": 0}),
        ]

    await ledger.change_account(CommandContext(ACCOUNT, "benchmark"), decide)


async def live(ledger: Ledger) -> str:
    """One order from its placement to its invoice: four commands."""
    order_id, placed = new_order()
    await ledger.place(CommandContext(ACCOUNT, "benchmark"), {order_id: placed})
    paid = partial(process_order, approved=frozenset(p.id for p in placed.payments))
    await ledger.change(CommandContext(ACCOUNT, "benchmark"), order_id, paid)
    order = await ledger.change(CommandContext(ACCOUNT, "benchmark"), order_id, start_handling)
    invoice = partial(
        issue_invoice,
        number=f"NF-{order_id}",
        type="Output",
        value=order.value,
        issued_at=datetime.now(UTC),
        items=[],
        details={},
    )
    await ledger.change(CommandContext(ACCOUNT, "benchmark"), order_id, invoice)
    return order_id
