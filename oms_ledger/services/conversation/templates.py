"""Mails out of an account's own templates."""

from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import order_stream
from oms_ledger.notifications.templates import TemplateError, render
from oms_ledger.orders.parts import Json
from projections.conversation import templates


def rendered_template(cell: Cell, account: str, name: str, data: Any) -> tuple[str, str]:
    """Subject and HTML; `TemplateError` where there is no such template, or it cannot be filled."""
    with cell.database.reading() as connection:
        template = templates.get(connection, account, name)
    if template is None:
        raise TemplateError(f"There is no template '{name[:80]}'")
    values: Json = data if isinstance(data, dict) else {}
    zone = _time_zone(cell, account)
    subject = render(template.subject, values, zone, html=False)
    return " ".join(subject.split()), render(template.html, values, zone)


def _time_zone(cell: Cell, account: str) -> str:
    state = cell.ledger.loader.load(order_stream(account, "")).state
    return str(state.setting("time_zone")) if isinstance(state, Account) else "UTC"
