"""The lines that an order is invoiced by, with the changes of either generation (contract 03 §7).

v2 changes the lines themselves. v1 leaves them as placed: what it removed is out of what is to
be invoiced, and what it added has indexes after the last placed line.
"""

from collections.abc import Iterable, Sequence

from oms_ledger.orders.changes.arithmetic import without_units
from oms_ledger.orders.events import ChangeRegistered, Item


def lines_to_invoice(items: Sequence[Item], registered: Iterable[ChangeRegistered]) -> list[Item]:
    """Every line by its index in invoices, with the units that are to be invoiced altogether."""
    lines = list(items)
    for change in registered:
        for taken in change.taken:
            lines[taken.line] = without_units(lines[taken.line], taken.quantity)
        lines.extend(change.lines)
    return lines
