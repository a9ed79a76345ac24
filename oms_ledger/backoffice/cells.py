"""Cells of long tables: what two rows say alike is drawn once, in the language and zone of a page.

A row of an order has a dozen cells, and a page fifty rows: to look a cell up costs a fraction of
what a template takes to write it anew. What names a person is never kept here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

from oms_ledger.backoffice.escaping import Drawn, escaped
from oms_ledger.backoffice.formats import ZONE

Row = Mapping[str, Any]
Draw = Callable[..., Any]

KEPT = 8192  # cells of a language: a few hundred bytes each
PLACE = "\0"  # stands for a text, which never holds it
PERSONAL = frozenset({"clientName", "callCenterOperatorName"})

KINDS: dict[str, tuple[str, Callable[[Row], tuple[Any, ...]]]] = {
    "creationDate": ("instant", lambda row: (row["creationDate"],)),
    "authorizedDate": ("instant", lambda row: (row["authorizedDate"],)),
    "totalItems": ("count", lambda row: (row["totalItems"],)),
    "totalValue": ("amount", itemgetter("totalValue", "currencyCode")),
    "status": ("state", itemgetter("status", "workflowInErrorState", "workflowInRetry")),
    "ShippingEstimatedDate": ("date", lambda row: (row["ShippingEstimatedDate"],)),
}
"""How a column of the list is drawn, and of what; all others are texts."""


class Cells:
    """The cells of one language, by the macros of `cells.html`."""

    def __init__(self, macro: Callable[[str], Draw]) -> None:
        """`macro` is one of the macros, by name: it may be read when it is drawn first."""
        self._macro = macro
        self._kept = lru_cache(KEPT)(self._draw)

    def _draw(self, name: str, _zone: object, *values: Any) -> Any:
        return self._macro(name)(*values)

    @cached_property
    def _around(self) -> tuple[str, str, str]:
        """What a cell with a text has before, between and after the text, which it has twice."""
        before, between, after = str(self._macro("plain")(PLACE)).split(PLACE)
        return before, between, after

    def _personal(self, text: str | None) -> str:
        """A cell that is kept nowhere."""
        if not text:
            return str(self._kept("plain", None, None))
        (before, between, after), shown = self._around, escaped(text)
        return f"{before}{shown}{between}{shown}{after}"

    def order_row(self, row: Row, columns: Sequence[str], account: str) -> Drawn:
        """The cells of an order in the list; a text of a person is drawn anew each time."""
        kept, zone, order_id = self._kept, ZONE.get(), row["orderId"]
        cells = [kept("tick", None, order_id)]
        for name in columns:
            if name in KINDS:
                kind, values = KINDS[name]
                cells.append(kept(kind, zone, *values(row)))
            elif name == "orderId":
                cells.append(kept("order", None, order_id, account))
            elif name in PERSONAL:
                cells.append(self._personal(row[name]))
            else:
                cells.append(kept("plain", None, row[name]))
        return Drawn("".join(cells))

    def event_row(self, event: Row, account: str) -> Drawn:
        """The cells of an event in the stream, from its time to its status."""
        kept, order_id = self._kept, event["orderId"]
        cells = (
            kept("time", ZONE.get(), event["at"]),
            kept("version", None, order_id, event["version"], account),
            kept("event", None, event["name"], event["statusBefore"], event["status"]),
        )
        return Drawn("".join(cells))
