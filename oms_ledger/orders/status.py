"""The statuses of an order, spelled as integrations see them (contract 01 §2)."""

from enum import StrEnum

from oms_ledger.notifications import filters


class Status(StrEnum):
    """A status as integrations see it, spelled as published."""

    ORDER_CREATED = "order-created"
    ORDER_ACCEPTED = "order-accepted"
    ORDER_CREATION_ERROR = "order-creation-error"
    ON_ORDER_COMPLETED = "on-order-completed"
    ON_ORDER_COMPLETED_FFM = "on-order-completed-ffm"
    WAITING_FOR_ORDER_AUTHORIZATION = "waiting-for-order-authorization"
    WAITING_FOR_AUTHORIZATION = "waiting-for-authorization"
    PAYMENT_PENDING = "payment-pending"
    WAITING_FOR_MKT_AUTHORIZATION = "waiting-for-mkt-authorization"
    APPROVE_PAYMENT = "approve-payment"
    PAYMENT_APPROVED = "payment-approved"
    WAITING_SELLER_HANDLING = "waiting-seller-handling"
    WAITING_FOR_MANUAL_AUTHORIZATION = "waiting-for-manual-authorization"
    WAITING_FFMT_AUTHORIZATION = "waiting-ffmt-authorization"
    AUTHORIZE_FULFILLMENT = "authorize-fulfillment"
    WINDOW_TO_CANCEL = "window-to-cancel"
    READY_FOR_HANDLING = "ready-for-handling"
    START_HANDLING = "start-handling"
    HANDLING = "handling"
    WAITING_FOR_FULFILLMENT = "waiting-for-fulfillment"
    READY_FOR_INVOICING = "ready-for-invoicing"
    INVOICE = "invoice"
    INVOICED = "invoiced"
    REQUEST_CANCEL = "request-cancel"
    WAITING_FOR_SELLER_DECISION = "waiting-for-seller-decision"
    CANCELLATION_REQUESTED = "cancellation-requested"
    CANCELLATION_REQUEST_DENIED = "cancellation-request-denied"
    CANCELLATION_REQUEST_DENIED_FFM = "cancellation-request-denied-ffm"
    INVOICE_AFTER_CANCELLATION_DENY = "invoice-after-cancellation-deny"
    WINDOW_TO_CHANGE_SELLER = "window-to-change-seller"
    REPLACED = "replaced"
    CANCEL = "cancel"
    CANCELED = "canceled"


# Statuses that a filter or a list may name in another published spelling.
ALIASES = {spelling: Status(known) for spelling, known in filters.ALIASES.items()}

ENDS = frozenset({Status.INVOICED, Status.CANCELED, Status.REPLACED})

# What back-office people read; English and Portuguese as published in the Admin.
LABELS: dict[Status, dict[str, str]] = {
    Status.ORDER_CREATED: {"en": "Order created", "pt": "Pedido criado", "es": "Pedido creado"},
    Status.ORDER_ACCEPTED: {"en": "Order accepted", "pt": "Pedido aceito", "es": "Pedido aceptado"},
    Status.ORDER_CREATION_ERROR: {
        "en": "Order creation error",
        "pt": "Erro na criação do pedido",
        "es": "Error en la creación del pedido",
    },
    Status.ON_ORDER_COMPLETED: {"en": "Processing", "pt": "Processando", "es": "Procesando"},
    Status.ON_ORDER_COMPLETED_FFM: {"en": "Processing", "pt": "Processando", "es": "Procesando"},
    Status.WAITING_FOR_ORDER_AUTHORIZATION: {
        "en": "Waiting for order authorization",
        "pt": "Aguardando autorização do pedido",
        "es": "Esperando la autorización del pedido",
    },
    Status.WAITING_FOR_AUTHORIZATION: {
        "en": "Waiting for seller confirmation",
        "pt": "Aguardando confirmação do seller",
        "es": "Esperando la confirmación del seller",
    },
    Status.PAYMENT_PENDING: {
        "en": "Payment pending",
        "pt": "Pagamento pendente",
        "es": "Pago pendiente",
    },
    Status.WAITING_FOR_MKT_AUTHORIZATION: {
        "en": "Payment pending",
        "pt": "Pagamento pendente",
        "es": "Pago pendiente",
    },
    Status.APPROVE_PAYMENT: {
        "en": "Approve payment",
        "pt": "Aprovar pagamento",
        "es": "Aprobar pago",
    },
    Status.PAYMENT_APPROVED: {
        "en": "Payment approved",
        "pt": "Pagamento aprovado",
        "es": "Pago aprobado",
    },
    Status.WAITING_SELLER_HANDLING: {
        "en": "Waiting for seller handling",
        "pt": "Aguardando manuseio do seller",
        "es": "Esperando la preparación del seller",
    },
    Status.WAITING_FOR_MANUAL_AUTHORIZATION: {
        "en": "Waiting for fulfillment authorization",
        "pt": "Aguardando autorização para despachar",
        "es": "Esperando la autorización para despachar",
    },
    Status.WAITING_FFMT_AUTHORIZATION: {
        "en": "Waiting for fulfillment authorization",
        "pt": "Aguardando autorização para despachar",
        "es": "Esperando la autorización para despachar",
    },
    Status.AUTHORIZE_FULFILLMENT: {
        "en": "Authorize fulfillment",
        "pt": "Autorizar despacho",
        "es": "Autorizar despacho",
    },
    Status.WINDOW_TO_CANCEL: {
        "en": "Cancellation window",
        "pt": "Carência para cancelamento",
        "es": "Período de gracia para la cancelación",
    },
    Status.READY_FOR_HANDLING: {
        "en": "Ready for handling",
        "pt": "Pronto para o manuseio",
        "es": "Listo para preparación",
    },
    Status.START_HANDLING: {
        "en": "Start handling",
        "pt": "Iniciar manuseio",
        "es": "Iniciar preparación",
    },
    Status.HANDLING: {
        "en": "Handling shipping",
        "pt": "Preparando entrega",
        "es": "Preparando entrega",
    },
    Status.WAITING_FOR_FULFILLMENT: {
        "en": "Waiting for fulfillment",
        "pt": "Aguardando atendimento",
        "es": "Esperando el despacho",
    },
    Status.READY_FOR_INVOICING: {
        "en": "Ready for invoicing",
        "pt": "Pronto para faturar",
        "es": "Listo para facturar",
    },
    Status.INVOICE: {
        "en": "Verifying invoice",
        "pt": "Verificando fatura",
        "es": "Verificando factura",
    },
    Status.INVOICED: {"en": "Invoiced", "pt": "Faturado", "es": "Facturado"},
    Status.REQUEST_CANCEL: {
        "en": "Request cancellation",
        "pt": "Solicitar cancelamento",
        "es": "Solicitar cancelación",
    },
    Status.WAITING_FOR_SELLER_DECISION: {
        "en": "Waiting for the seller decision",
        "pt": "Aguardando decisão do seller",
        "es": "Esperando la decisión del seller",
    },
    Status.CANCELLATION_REQUESTED: {
        "en": "Cancellation requested",
        "pt": "Cancelamento solicitado",
        "es": "Cancelación solicitada",
    },
    Status.CANCELLATION_REQUEST_DENIED: {
        "en": "Cancellation denied",
        "pt": "Cancelamento negado",
        "es": "Cancelación rechazada",
    },
    Status.CANCELLATION_REQUEST_DENIED_FFM: {
        "en": "Cancellation denied",
        "pt": "Cancelamento negado",
        "es": "Cancelación rechazada",
    },
    Status.INVOICE_AFTER_CANCELLATION_DENY: {
        "en": "Invoice after cancellation denial",
        "pt": "Fatura pós-negação de cancelamento",
        "es": "Factura después del rechazo de la cancelación",
    },
    Status.WINDOW_TO_CHANGE_SELLER: {
        "en": "Window to change seller",
        "pt": "Carência para troca de seller",
        "es": "Período para cambiar de seller",
    },
    Status.REPLACED: {"en": "Replaced", "pt": "Substituído", "es": "Reemplazado"},
    Status.CANCEL: {"en": "Canceling", "pt": "Cancelar", "es": "Cancelando"},
    Status.CANCELED: {"en": "Canceled", "pt": "Cancelado", "es": "Cancelado"},
}


def language_of(locale: str) -> str:
    """The language of labels and messages that a locale asks for: Portuguese, Spanish, English."""
    language = locale.strip().lower()[:2]
    return language if language in ("pt", "es") else "en"


def label(status: Status | None, language: str) -> str | None:
    """The status as people read it, in Portuguese for `pt…`, Spanish for `es…`, else English."""
    return None if status is None else LABELS[status][language_of(language)]
