"""The orderForm: a whole cart as every operation answers it."""

from dataclasses import dataclass
from datetime import datetime

from oms_ledger.carts.cart import Cart, Json
from oms_ledger.carts.documents import deliveries, lines, paying
from oms_ledger.carts.masking import masked
from oms_ledger.carts.preferences import store_preferences
from oms_ledger.carts.pricing import PricedCart, Store
from oms_ledger.carts.texts import total_names
from oms_ledger.orders.pricing import PurchaseTotals


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is shown the cart."""

    logged_in: bool = False
    email: str | None = None
    profile_id: str | None = None
    user_type: str | None = None
    may_set_prices: bool = False
    sees_person: bool = True
    estimates: bool = False


def order_form(priced: PricedCart, store: Store, viewer: Viewer, now: datetime) -> Json:
    """All sections, in the published order."""
    cart = priced.cart
    locale = store.locale(cart)
    return {
        "orderFormId": cart.id,
        "salesChannel": cart.sales_channel,
        "loggedIn": viewer.logged_in,
        "isCheckedIn": False,
        "storeId": None,
        "checkedInPickupPointId": None,
        "allowManualPrice": viewer.may_set_prices,
        "canEditData": viewer.sees_person,
        "userProfileId": viewer.profile_id,
        "userType": viewer.user_type,
        "ignoreProfileData": cart.ignore_profile,
        "value": priced.value,
        "messages": [
            {"code": one.code, "text": one.text, "status": one.status, "fields": one.fields}
            for one in cart.messages
        ],
        "items": [
            lines.item(one, now, shows_manual_price=viewer.may_set_prices) for one in priced.lines
        ],
        "selectableGifts": [],
        "totalizers": totalizers(priced, locale),
        "shippingData": _shipping_data(priced, store, viewer, now),
        "clientProfileData": _profile(cart, viewer),
        "paymentData": paying.payment_data(priced, store.account, now),
        "marketingData": _marketing(cart),
        "sellers": sellers(priced, store),
        "clientPreferencesData": {
            "locale": locale,
            "optinNewsLetter": (cart.preferences or {}).get("optinNewsLetter"),
            "savePersonalData": False,
            "savePaymentData": False,
        },
        "commercialConditionData": None,
        "storePreferencesData": store_preferences(store.country, store.currency, store.time_zone),
        "giftRegistryData": None,
        "openTextField": None if cart.open_text is None else {"value": cart.open_text},
        "invoiceData": _invoice_data(cart, viewer),
        "customData": custom_data(cart),
        "itemMetadata": lines.metadata(priced.lines),
        "hooksData": None,
        "ratesAndBenefitsData": {"rateAndBenefitsIdentifiers": [], "teaser": []},
        "subscriptionData": None,
        "merchantContextData": cart.merchant_context,
        "purchaseAgentsData": None,
        "itemsOrdination": None
        if cart.ordination is None
        else {"criteria": cart.ordination.criteria, "ascending": cart.ordination.ascending},
    }


def totalizers(priced: PricedCart, locale: str) -> list[Json]:
    """Those totals that there are; their sum is the value."""
    if not priced.lines:
        return []
    available = priced.available
    has_delivery = any(one.delivery.sla is not None for one in available)
    names = total_names(locale)
    shown = (bool(available), priced.totals.discounts != 0, has_delivery, priced.totals.tax != 0)
    return [
        {"id": id, "name": name, "value": value}
        for (id, value), name, is_there in zip(values_of(priced.totals), names, shown, strict=True)
        if is_there
    ]


def values_of(totals: PurchaseTotals) -> tuple[tuple[str, int], ...]:
    """The totals in their published order, in cents."""
    return (
        ("Items", totals.items),
        ("Discounts", totals.discounts),
        ("Shipping", totals.shipping),
        ("Tax", totals.tax),
    )


def sellers(priced: PricedCart, store: Store) -> list[Json]:
    """Who sells the lines, each once."""
    names = dict.fromkeys(one.line.seller for one in priced.lines)
    own = ("1", store.account)
    return [
        {
            "id": seller,
            "name": store.seller_name if seller in own else seller,
            "logo": "",
            "minimumOrderValue": 0,
        }
        for seller in names
    ]


def custom_data(cart: Cart) -> Json | None:
    """Fields of apps and custom fields; None where nothing was set."""
    if not cart.apps and not cart.custom_fields:
        return None
    return {
        "customApps": [
            {"id": app.id, "major": app.major, "fields": app.fields} for app in cart.apps
        ],
        "customFields": [
            {
                "linkedEntity": {"type": one.type, **({"id": one.id} if one.id else {})},
                "fields": list(one.fields),
            }
            for one in cart.custom_fields
        ],
    }


def _shipping_data(priced: PricedCart, store: Store, viewer: Viewer, now: datetime) -> Json | None:
    cart = priced.cart
    if not cart.was_used and not cart.addresses and not cart.known_addresses:
        return None
    estimates = deliveries.Estimates(now, store.time_zone, viewer.estimates)
    selected = deliveries.selected_addresses(cart, priced.lines)
    address = cart.delivery_address or next(iter(selected), None)
    known = list(cart.known_addresses)
    if not viewer.sees_person:
        address = masked(address) if address else None
        selected, known = [masked(one) for one in selected], [masked(one) for one in known]
    return {
        "address": address,
        "logisticsInfo": deliveries.logistics(cart, priced.lines, estimates),
        "selectedAddresses": selected,
        "availableAddresses": known,
        "pickupPoints": deliveries.pickup_points(priced.lines),
        "contactInformation": [],
    }


_UNSET_PROFILE: Json = {
    "email": None,
    "firstName": None,
    "lastName": None,
    "document": None,
    "documentType": None,
    "phone": None,
    "corporateName": None,
    "tradeName": None,
    "corporateDocument": None,
    "stateInscription": None,
    "corporatePhone": None,
    "isCorporate": False,
    "profileCompleteOnLoading": False,
    "profileErrorOnLoading": False,
    "customerClass": None,
}


def _profile(cart: Cart, viewer: Viewer) -> Json | None:
    if cart.profile is None:
        known = viewer.email is not None and not cart.ignore_profile
        return {**_UNSET_PROFILE, "email": viewer.email} if known else None
    shown = cart.profile if viewer.sees_person else masked(cart.profile)
    return {**_UNSET_PROFILE, **shown}


def _marketing(cart: Cart) -> Json | None:
    if cart.marketing is None and cart.coupon is None:
        return None
    return {**(cart.marketing or {"marketingTags": []}), "coupon": cart.coupon}


def _invoice_data(cart: Cart, viewer: Viewer) -> Json | None:
    if cart.invoice_data is None or viewer.sees_person:
        return cart.invoice_data
    address = cart.invoice_data.get("address")
    return {"address": masked(address) if isinstance(address, dict) else None}
