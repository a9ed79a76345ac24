"""Built-in texts of the mails to a customer, by published template key and language.

`{name}`, `{order_id}`, `{store}` and what the occasion says besides are filled in.
"""

import re
from collections.abc import Mapping

from oms_ledger.orders.status import language_of

NEW_ORDER = "vtexcommerce-new-order"
PAYMENT_PENDING = "vtexcommerce-payment-pending"
PAYMENT_APPROVED = "vtexcommerce-payment-approved"
ORDER_CHANGED = "vtexcommerce-order-changed"
ORDER_CHANGED_V2 = "vtexcommerce-order-changed-v2"
ORDER_INVOICED = "vtexcommerce-order-invoiced"
ORDER_SHIPPED = "vtexcommerce-order-shipped"
SHIPPING_UPDATE = "vtexcommerce-order-shipping-update"
SHIPPING_FINISHED = "vtexcommerce-order-shipping-finished"
ORDER_CANCELLED = "vtexcommerce-order-cancelled"
INVOICED_WITH_REQUEST = "vtexcommerce-order-invoiced-with-cancel-request"
SHIPPED_WITH_REQUEST = "vtexcommerce-order-shipped-with-cancel-request"
ORDER_REFUNDED = "vtexcommerce-order-refunded"
# Of buying policies: the buyer's, and that of who is to decide.
BUYER, BUYER_DENIED = "buyer-portal-buyer", "buyer-portal-order-denied-buyer"
APPROVER = "buyer-portal-approver"

Text = tuple[str, str]
"""Subject and text."""

TEXTS: dict[str, dict[str, Text]] = {
    NEW_ORDER: {
        "en": ("Your order was received", "{name}, we received your order {order_id}."),
        "pt": ("Recebemos o seu pedido", "{name}, recebemos o seu pedido {order_id}."),
        "es": ("Recibimos tu pedido", "{name}, recibimos tu pedido {order_id}."),
    },
    PAYMENT_PENDING: {
        "en": ("Your payment is pending", "{name}, order {order_id} still waits for its payment."),
        "pt": ("Pagamento pendente", "{name}, o pedido {order_id} ainda aguarda o pagamento."),
        "es": ("Pago pendiente", "{name}, el pedido {order_id} todavía espera el pago."),
    },
    PAYMENT_APPROVED: {
        "en": ("Your payment was approved", "{name}, the payment of order {order_id} is approved."),
        "pt": ("Pagamento aprovado", "{name}, o pagamento do pedido {order_id} foi aprovado."),
        "es": ("Pago aprobado", "{name}, el pago del pedido {order_id} fue aprobado."),
    },
    ORDER_CHANGED: {
        "en": ("Your order was changed", "{name}, order {order_id} was changed.{reason}"),
        "pt": ("Pedido alterado", "{name}, o pedido {order_id} foi alterado.{reason}"),
        "es": ("Pedido modificado", "{name}, el pedido {order_id} fue modificado.{reason}"),
    },
    ORDER_INVOICED: {
        "en": ("Your order was invoiced", "{name}, order {order_id} was invoiced and goes out."),
        "pt": ("Pedido faturado", "{name}, o pedido {order_id} foi faturado e será enviado."),
        "es": ("Pedido facturado", "{name}, el pedido {order_id} fue facturado y será enviado."),
    },
    ORDER_SHIPPED: {
        "en": ("Your order is on its way", "{name}, order {order_id} is on its way: {tracking}"),
        "pt": ("Pedido enviado", "{name}, o pedido {order_id} está a caminho: {tracking}"),
        "es": ("Pedido enviado", "{name}, el pedido {order_id} está en camino: {tracking}"),
    },
    SHIPPING_UPDATE: {
        "en": ("News of your delivery", "{name}, order {order_id}: {news}"),
        "pt": ("Novidades da entrega", "{name}, pedido {order_id}: {news}"),
        "es": ("Novedades de la entrega", "{name}, pedido {order_id}: {news}"),
    },
    SHIPPING_FINISHED: {
        "en": ("Your order was delivered", "{name}, order {order_id} was delivered."),
        "pt": ("Pedido entregue", "{name}, o pedido {order_id} foi entregue."),
        "es": ("Pedido entregado", "{name}, el pedido {order_id} fue entregado."),
    },
    ORDER_CANCELLED: {
        "en": ("Your order was canceled", "{name}, order {order_id} was canceled.{reason}"),
        "pt": ("Pedido cancelado", "{name}, o pedido {order_id} foi cancelado.{reason}"),
        "es": ("Pedido cancelado", "{name}, el pedido {order_id} fue cancelado.{reason}"),
    },
    INVOICED_WITH_REQUEST: {
        "en": ("Your order goes out", "{name}, order {order_id} cannot be canceled.{reason}"),
        "pt": ("Pedido não cancelado", "{name}, o pedido {order_id} não será cancelado.{reason}"),
        "es": ("Pedido no cancelado", "{name}, el pedido {order_id} no será cancelado.{reason}"),
    },
    ORDER_REFUNDED: {
        "en": ("Your order is refunded", "{name}, {value} of order {order_id} are given back."),
        "pt": ("Pedido reembolsado", "{name}, {value} do pedido {order_id} serão devolvidos."),
        "es": ("Pedido reembolsado", "{name}, {value} del pedido {order_id} serán devueltos."),
    },
    BUYER: {
        "en": ("Your order waits for approval", "{name}, order {order_id} waits for approval."),
        "pt": ("Pedido em aprovação", "{name}, o pedido {order_id} aguarda aprovação."),
        "es": ("Pedido en aprobación", "{name}, el pedido {order_id} espera aprobación."),
    },
    BUYER_DENIED: {
        "en": ("Your order was not approved", "{name}, order {order_id} was not approved."),
        "pt": ("Pedido não aprovado", "{name}, o pedido {order_id} não foi aprovado."),
        "es": ("Pedido no aprobado", "{name}, el pedido {order_id} no fue aprobado."),
    },
    APPROVER: {
        "en": ("An order waits for you", "Order {order_id} of {store} waits for your approval."),
        "pt": ("Pedido para aprovar", "O pedido {order_id} de {store} aguarda a sua aprovação."),
        "es": ("Pedido por aprobar", "El pedido {order_id} de {store} espera tu aprobación."),
    },
}
TEXTS[ORDER_CHANGED_V2] = TEXTS[ORDER_CHANGED]
TEXTS[SHIPPED_WITH_REQUEST] = TEXTS[INVOICED_WITH_REQUEST]


_NAME = re.compile(r"\{([a-z_]+)\}")


def text_of(template: str, locale: object) -> Text:
    """The text in a customer's language; English where there is none."""
    return TEXTS[template][language_of(locale if isinstance(locale, str) else "")]


def filled(text: str, names: Mapping[str, object]) -> str:
    """Only the names that are known are filled in; a text may have any other braces.

    What was put in is not looked at again: a customer may be called `{reason}`.
    """
    return _NAME.sub(lambda found: str(names.get(found[1], found[0])), text).strip()
