"""The sentences that a cart says, by language; `{0}` is the item's name, a coupon or a number."""

from typing import Any

from oms_ledger.carts.cart import Message

STATUSES = {
    "ORD027": "error",
    "withoutStock": "error",
    "withoutPrice": "error",
    "cannotBeDelivered": "error",
    "unavailableItemFulfillment": "error",
    "invalidGiftCard": "error",
    "itemQuantityNotAvailable": "warning",
    "changedPriceValue": "warning",
    "changedFreight": "warning",
    "changedFreightPrice": "warning",
    "unavailableSelectedPayment": "warning",
    "itemAttachmentsRemoved": "warning",
    "bundleItemsRemoved": "warning",
    "couponNotFound": "warning",
    "cartMaxProductCountReached": "info",
}
_CODE, _COORDINATES = "cannotBeDelivered", "cannotBeDelivered/coordinates"
_ENGLISH = {
    "ORD027": "Item {0} not found or unavailable",
    "withoutStock": "The item {0} has no inventory",
    "withoutPrice": "Item {0} is unavailable",
    _CODE: "Item {0} cannot be delivered for this postal code",
    _COORDINATES: "Item {0} cannot be delivered for this coordinates",
    "unavailableItemFulfillment": "Item {0} is unavailable",
    "invalidGiftCard": "Invalid GiftCard {0} code",
    "itemQuantityNotAvailable": "The desired quantity for item {0} is not available",
    "changedPriceValue": "Items value has changed",
    "changedFreight": "Freight type has changed",
    "changedFreightPrice": "Freight value has changed",
    "unavailableSelectedPayment": "The selected payment is not available anymore",
    "itemAttachmentsRemoved": (
        "Some item attachments are not available anymore and have been removed from your cart"
    ),
    "bundleItemsRemoved": (
        "Some services are not available anymore and have been removed from your cart"
    ),
    "couponNotFound": "Coupon {0} invalid",
    "cartMaxProductCountReached": "Cart has already reached max limit of {0} items",
}
_PORTUGUESE = {
    "ORD027": "O item {0} não foi encontrado ou está indisponível",
    "withoutStock": "O item {0} não tem estoque",
    "withoutPrice": "O item {0} está indisponível",
    _CODE: "O item {0} não pode ser entregue para este CEP",
    _COORDINATES: "O item {0} não pode ser entregue para estas coordenadas",
    "unavailableItemFulfillment": "O item {0} está indisponível",
    "invalidGiftCard": "O código {0} do vale é inválido",
    "itemQuantityNotAvailable": "A quantidade desejada do item {0} não está disponível",
    "changedPriceValue": "O valor dos itens mudou",
    "changedFreight": "O tipo de frete mudou",
    "changedFreightPrice": "O valor do frete mudou",
    "unavailableSelectedPayment": "A forma de pagamento escolhida não está mais disponível",
    "itemAttachmentsRemoved": (
        "Alguns anexos de itens não estão mais disponíveis e foram removidos do carrinho"
    ),
    "bundleItemsRemoved": (
        "Alguns serviços não estão mais disponíveis e foram removidos do carrinho"
    ),
    "couponNotFound": "O cupom {0} é inválido",
    "cartMaxProductCountReached": "O carrinho já atingiu o limite de {0} itens",
}
_SPANISH = {
    "ORD027": "El artículo {0} no se encontró o no está disponible",
    "withoutStock": "El artículo {0} no tiene inventario",
    "withoutPrice": "El artículo {0} no está disponible",
    _CODE: "El artículo {0} no se puede entregar en este código postal",
    _COORDINATES: "El artículo {0} no se puede entregar en estas coordenadas",
    "unavailableItemFulfillment": "El artículo {0} no está disponible",
    "invalidGiftCard": "El código {0} de la tarjeta de regalo no es válido",
    "itemQuantityNotAvailable": "La cantidad deseada del artículo {0} no está disponible",
    "changedPriceValue": "El valor de los artículos ha cambiado",
    "changedFreight": "El tipo de flete ha cambiado",
    "changedFreightPrice": "El valor del flete ha cambiado",
    "unavailableSelectedPayment": "El pago elegido ya no está disponible",
    "itemAttachmentsRemoved": (
        "Algunos anexos de artículos ya no están disponibles y se quitaron del carrito"
    ),
    "bundleItemsRemoved": "Algunos servicios ya no están disponibles y se quitaron del carrito",
    "couponNotFound": "El cupón {0} no es válido",
    "cartMaxProductCountReached": "El carrito ya alcanzó el límite de {0} artículos",
}
_LANGUAGES = {"en": _ENGLISH, "pt": _PORTUGUESE, "es": _SPANISH}
_TOTALS = {
    "en": ("Items Total", "Discounts Total", "Shipping Total", "Tax Total"),
    "pt": ("Total dos Itens", "Total dos Descontos", "Total do Frete", "Total das Taxas"),
    "es": ("Total de Artículos", "Total de Descuentos", "Total del Flete", "Total de Impuestos"),
}


def _language(locale: str) -> str:
    language = locale.partition("-")[0].lower()
    return language if language in _LANGUAGES else "en"


def message(
    code: str, locale: str, about: str, fields: dict[str, Any], *, coordinates: bool = False
) -> Message:
    """A message in the language of a locale; English where there is no translation."""
    name = _COORDINATES if code == _CODE and coordinates else code
    text = _LANGUAGES[_language(locale)][name].replace("{0}", about)
    return Message(code=code, text=text, status=STATUSES[code], fields=fields)


def total_names(locale: str) -> tuple[str, str, str, str]:
    """Labels of Items, Discounts, Shipping and Tax."""
    return _TOTALS[_language(locale)]
