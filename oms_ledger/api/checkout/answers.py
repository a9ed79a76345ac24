"""What a placement answers besides its orders: how they are paid, and where to go then."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Request

from oms_ledger.api.http.addressing import of_host
from oms_ledger.api.http.origin import origin_of
from oms_ledger.orders.order import Order
from oms_ledger.orders.parts import Json
from oms_ledger.orders.payments.systems import NO_PAYMENT, number_of


def transaction_data(request: Request, orders: Sequence[Order]) -> Json:
    """The transaction of a purchase; one that costs nothing has none, and leads on at once."""
    first, address = orders[0], origin_of(request).address
    group, transaction = first.placed.order_group, first.placed.transaction_id
    merchant = first.placed.merchant_name
    merchants = [
        {
            "id": merchant,
            "transactionId": transaction,
            "merchantName": merchant,
            "payments": payments(orders),
        }
    ]
    account = _account_in_query(request, first.account)
    receiver = f"{address}/split/{group}/payments{account}"
    if transaction == NO_PAYMENT:
        rest = f"&{account[1:]}" if account else ""
        merchants, receiver = [], f"{address}/checkout/orderPlaced/?og={group}{rest}"
    return {
        "merchantTransactions": merchants,
        "receiverUri": receiver,
        "gatewayCallbackTemplatePath": (
            f"/checkout/gatewayCallback/{group}/{{messageCode}}{account}"
        ),
    }


def payments(orders: Sequence[Order]) -> list[Json]:
    """The payments of a purchase, each with what it pays of all its orders."""
    return [
        {
            "paymentSystem": one.payment_system
            if (number := number_of(one.payment_system)) is None
            else number,
            "bin": one.details.get("bin"),
            "accountId": one.details.get("accountId"),
            "tokenId": one.details.get("tokenId"),
            "value": sum(order.payments[i].value for order in orders),
            "referenceValue": sum(order.payments[i].reference_value for order in orders),
            "giftCardRedemptionCode": one.details.get("redemptionCode"),
            "giftCardProvider": one.details.get("provider"),
            "giftCardId": one.details.get("giftCardId"),
        }
        for i, one in enumerate(orders[0].payments)
    ]


def _account_in_query(request: Request, account: str) -> str:
    """The account, where the host does not name it: so the addresses work as they are."""
    named = of_host(origin_of(request).host) == account
    return "" if named else f"?an={quote(account, safe='')}"
