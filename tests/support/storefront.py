"""A store with offers, and a storefront that keeps cookies as a browser does."""

from collections.abc import Iterable, Iterator
from typing import Any

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, AccountSettingsChanged
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.offers.reading import stored
from projections.offers import rows
from tests.support.client import Answer, Client
from tests.support.purchases import ACCOUNT

CODE = "01310-100"
ADDRESS: dict[str, Any] = {
    "addressType": "residential",
    "receiverName": "Ana Souza",
    "addressId": "home",
    "postalCode": CODE,
    "city": "São Paulo",
    "state": "SP",
    "country": "BRA",
    "street": "Avenida Paulista",
    "number": "296",
    "neighborhood": "Bela Vista",
    "complement": None,
    "reference": None,
    "geoCoordinates": [],
}
PROFILE = {
    "email": "ana@example.com",
    "firstName": "Ana",
    "lastName": "Souza",
    "document": "66203715418",
    "documentType": "cpf",
    "phone": "+5511966126116",
    "isCorporate": False,
}
OFFERS: list[dict[str, Any]] = [
    {"sku": "1", "price": 3190, "name": "Mug", "list_price": 3990, "ref_id": "MUG"},
    {"sku": "2", "price": 15999, "name": "Lamp", "stock": 5, "brand": "Luz"},
    {
        "sku": "3",
        "price": 10000,
        "name": "Table",
        "services": [{"id": "s1", "name": "Assembly", "price": 199}],
        "attachments": [
            {
                "name": "Engraving",
                "schema": {
                    "text": {"maximum_number_of_characters": 5},
                    "color": {"domain": ["red", "blue"]},
                },
            }
        ],
    },
    {"sku": "4", "price": 3999, "name": "Cheese", "unit_multiplier": "0.35"},
    {"sku": "5", "price": 0, "name": "Sticker"},
    {"sku": "6", "price": 700, "name": "Soap", "stock": 0},
    {"kind": "delivery", "id": "Normal", "estimate": "3bd", "price": 990, "country": "BRA"},
    {
        "kind": "delivery",
        "id": "Express",
        "estimate": "1bd",
        "price": 2000,
        "price_per_unit": 100,
        "country": "BRA",
        "postal_from": "01000000",
        "postal_to": "19999999",
    },
    {
        "kind": "delivery",
        "id": "Scheduled",
        "estimate": "2d",
        "price": 1200,
        "country": "BRA",
        "windows": [
            {"start": "2096-07-01T09:00:00Z", "end": "2096-07-01T12:00:00Z", "price": 300},
        ],
    },
    {
        "kind": "delivery",
        "id": "Store",
        "estimate": "0bd",
        "channel": "pickup-in-point",
        "country": "BRA",
        "pickup_point": "p1",
    },
    {
        "kind": "pickup-point",
        "id": "p1",
        "name": "Paulista",
        "info": "side door",
        "address": {
            **{name: None for name in ADDRESS},
            "addressId": "p1",
            "postalCode": "01412-100",
            "city": "São Paulo",
            "state": "SP",
            "country": "BRA",
            "street": "Rua Augusta",
            "geoCoordinates": [-46.6, -23.5],
        },
        "hours": [{"day": 1, "open": "10:00:00", "close": "20:00:00"}],
    },
    {
        "kind": "payment",
        "system": "2",
        "name": "Visa",
        "group": "creditCard",
        "installments": [{"count": 1}, {"count": 3}, {"count": 4, "interest_rate": 132}],
        "minimum_installment": 100,
    },
    {"kind": "payment", "system": "6", "name": "Boleto", "group": "bankInvoice"},
    {
        "kind": "address",
        "country": "BRA",
        "postal_code": CODE,
        "city": "São Paulo",
        "state": "SP",
        "street": "Avenida Paulista",
        "neighborhood": "Bela Vista",
        "geo_coordinates": [-46.65, -23.56],
    },
]


def load_offers(
    cell: Cell, offers: Iterable[dict[str, Any]] = OFFERS, account: str = ACCOUNT
) -> None:
    """Set these rows in the account's table; others stay."""
    found = [stored(one, number) for number, one in enumerate(offers, 1)]
    with cell.database.writing() as connection:
        rows.load(connection, account, found, replace=False)


async def set_account(ledger: Ledger, name: str = ACCOUNT, **settings: Any) -> None:
    def decide(_: Account | None) -> list[AccountEvent]:
        return [AccountSettingsChanged(settings)]

    await ledger.change_account(CommandContext(name, "test"), decide)
    ledger._account_seen.clear()


class Browser:
    """Calls as a storefront does, with a jar of the cookies that answers set."""

    def __init__(self, client: Client, account: str = ACCOUNT) -> None:
        self.client, self.account = client, account
        self.jar: dict[str, str] = {}

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        mark = "&" if "?" in url else "?"
        fields = {"cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items())} if self.jar else {}
        answer = self.client.call(
            method, f"{url}{mark}an={self.account}", body, **{**fields, **headers}
        )
        for name, value in set_cookies(answer):
            self.jar[name] = value
        return answer

    def ok(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        answer = self.call(method, url, body, **headers)
        assert answer.status in (200, 201), (method, url, answer.status, answer.body)
        return answer.json() if answer.body else None

    def cart(self, rest: str = "", body: Any = None, method: str = "POST") -> Any:
        """An operation on the cart that the cookie names."""
        return self.ok(method, f"/api/checkout/pub/orderForm/{self.cart_id}{rest}", body)

    def refused(self, rest: str, body: Any = None, method: str = "POST") -> tuple[int, str]:
        answer = self.call(method, f"/api/checkout/pub/orderForm/{self.cart_id}{rest}", body)
        return answer.status, answer.json()["error"]["code"]

    @property
    def cart_id(self) -> str:
        if "checkout.vtex.com" not in self.jar:
            self.ok("POST", "/api/checkout/pub/orderForm", {})
        return self.jar["checkout.vtex.com"].partition("=")[2]

    def add(self, *lines: tuple[str, int], seller: str = "1") -> Any:
        fields = [{"id": sku, "quantity": quantity, "seller": seller} for sku, quantity in lines]
        return self.cart("/items", {"orderItems": fields})

    def fill(self, *lines: tuple[str, int], sla: str | None = None) -> Any:
        """A cart with person, address and a payment by Visa, ready to be placed."""
        self.add(*lines)
        self.cart("/attachments/clientProfileData", PROFILE)
        infos = [{"itemIndex": i, "selectedSla": sla} for i in range(len(lines))]
        cart = self.cart(
            "/attachments/shippingData",
            {"selectedAddresses": [ADDRESS], "logisticsInfo": infos},
        )
        return self.pay(cart["value"])

    def pay(self, value: int, system: str = "2", installments: int = 1) -> Any:
        payment = {"paymentSystem": system, "referenceValue": value, "installments": installments}
        return self.cart("/attachments/paymentData", {"payments": [payment]})


def set_cookies(answer: Answer) -> Iterator[tuple[str, str]]:
    for name, value in answer.headers:
        if name == "set-cookie":
            key, _, rest = value.partition("=")
            yield key, rest.partition(";")[0]


def figures(cart: dict[str, Any]) -> dict[str, int]:
    return {one["id"]: one["value"] for one in cart["totalizers"]}
