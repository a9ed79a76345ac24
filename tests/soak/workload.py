"""Shops that write orders of different lives: invoiced whole or in parts, canceled, skipped."""

import random
from typing import Any

from tests.soak.deployment import Client, Writer

ENDS = ("invoiced", "invoiced in parts", "canceled", "handling")
WEIGHTS = (6, 2, 1, 1)


class Shop(Writer):
    """`ends` says of every order placed how its life here is to end."""

    def __init__(self, client: Client, name: str, dice: random.Random) -> None:
        super().__init__(client, at_least=0, name=name)
        self._dice = dice
        self.ends: dict[str, str] = {}

    def _live_through(self, number: int, body: dict[str, Any]) -> None:
        (end,) = self._dice.choices(ENDS, WEIGHTS)
        url, known, value = self._handled(number, body)
        self.ends[known["orderId"]] = end
        match end:
            case "invoiced":
                self._invoice(url, known, value, f"NF-{self.name}-{number}")
            case "invoiced in parts":
                self._invoice(url, known, value // 2, f"NF-{self.name}-{number}-a")
                self._invoice(url, known, value - value // 2, f"NF-{self.name}-{number}-b")
            case "canceled":
                self._cancel(url)

    def _invoice(self, url: str, known: dict[str, Any], value: int, number: str) -> None:
        invoice = {
            "type": "Output",
            "issuanceDate": known["creationDate"],
            "invoiceNumber": number,
            "invoiceValue": value,
        }
        self.client.do("POST", f"{url}/invoice", invoice)

    def _cancel(self, url: str) -> None:
        """Ask for it, and confirm: once handling has begun, it takes both."""
        for _ in range(2):
            answer, maybe_done = self.client.ask("POST", f"{url}/cancel", {"reason": "test"})
            assert answer.ok or maybe_done, f"{answer.status_code} {answer.text}"
        assert self.client.do("GET", url).json()["status"] == "canceled"
