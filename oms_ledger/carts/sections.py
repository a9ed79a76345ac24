"""The sections of a cart that are set as wholes: profile, marketing, preferences and others."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from oms_ledger.carts.cart import Cart, Json, with_messages
from oms_ledger.carts.context import CartContext
from oms_ledger.carts.masking import is_masked, unmasked
from oms_ledger.carts.owning import owned, require_owner
from oms_ledger.carts.payments import gift_cards_of, read_gift_cards, read_payments
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.texts import message
from oms_ledger.carts.values import LONGEST_TEXT, require_object, require_short, text_of

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
PROFILE = (
    "email",
    "firstName",
    "lastName",
    "document",
    "documentType",
    "phone",
    "corporateName",
    "tradeName",
    "corporateDocument",
    "stateInscription",
    "corporatePhone",
)
MARKETING = ("utmSource", "utmMedium", "utmCampaign", "utmiPart", "utmiCampaign", "utmipage")
MOST_TAGS, LONGEST_ASSOCIATE = 50, 100


def set_profile(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set the client's profile, as its owner may; a masked value stays what it was."""
    content = require_object(body, "ORD007", "the body")
    require_owner(cart, context)
    before = cart.profile or {}
    profile: Json = {}
    for name in PROFILE:
        text = None if content.get(name) is None else text_of(content[name])
        if content.get(name) is not None and text is None:
            raise CartRefusal("ORD007", name)
        if text is not None and is_masked(name, text):
            text = unmasked(name, text, before.get(name))
            if text is None:
                raise CartRefusal("ORD007", name)
        if name != "email":
            require_short(text, name)
        profile[name] = text
    email = profile["email"]
    if email is None or len(email) > 254 or not _EMAIL.fullmatch(email):
        raise CartRefusal("ORD007", "email")
    profile["isCorporate"] = content.get("isCorporate") is True
    return owned(replace(cart, profile=profile, written_by=context.caller.shopper), context)


def set_payment_data(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """The payments and gift cards; gift cards are money, so not everybody may add them."""
    content = require_object(body, "ORD020", "the body")
    priced = context.priced()
    gift_cards = read_gift_cards(content) if "giftCards" in content else cart.gift_cards
    locale = context.store.locale(cart)
    answer = []
    if gift_cards and not context.caller.full:
        kept = tuple(card for card in gift_cards if card in cart.gift_cards)
        for card in gift_cards:
            if card not in kept:
                code = str(card.get("redemptionCode") or card.get("id") or "")
                fields = {"id": code}
                answer.append(message("invalidGiftCard", locale, code, fields))
        gift_cards = kept
    after = replace(cart, gift_cards=gift_cards)
    _, left = gift_cards_of(after, priced.value)
    payments = read_payments(content, left, priced.conditions)
    return with_messages(replace(after, payments=payments), answer)


def set_marketing(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set the marketing data; a coupon and tags among them."""
    content = require_object(body, "CHK0038", "the body")
    tags = content.get("marketingTags")
    if tags is not None and not isinstance(tags, list):
        raise CartRefusal("CHK0038", "marketingTags")
    kept = [text_of(one) for one in tags or [] if one is not None]
    if len(kept) > MOST_TAGS or any(one is None for one in kept):
        raise CartRefusal("CHK0038", "marketingTags")
    marketing: Json = {}
    for name in MARKETING:
        value = content.get(name)
        if name == "utmipage" and value is None:
            value = content.get("utmiPage")
        text = None if value is None else text_of(value)
        if value is not None and (text is None or len(text) > LONGEST_TEXT):
            raise CartRefusal("CHK0038", name)
        marketing[name] = text
    after = replace(cart, marketing={**marketing, "marketingTags": kept})
    coupon = content.get("coupon")
    return set_coupon(after, context, body={"text": "" if coupon is None else coupon})


def set_coupon(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """No price source of ours knows coupons: each is answered as one that is not found."""
    content = require_object(body, "CHK0038", "the body")
    text = text_of(content.get("text"))
    if text is None or len(text) > LONGEST_TEXT:
        raise CartRefusal("CHK0038", "coupon")
    if not text.strip():
        return replace(cart, coupon=None)
    answer = message("couponNotFound", context.store.locale(cart), text, {"id": text})
    return with_messages(cart, [answer])


def set_preferences(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set the client's language and whether they want news."""
    content = require_object(body, "ORD007", "the body")
    locale, news = (
        content.get("locale"),
        content.get("optinNewsLetter", content.get("optinNewsletter")),
    )
    if locale is not None and (not isinstance(locale, str) or not 2 <= len(locale) <= 35):
        raise CartRefusal("ORD007", "locale")
    if news is not None and not isinstance(news, bool):
        raise CartRefusal("ORD007", "optinNewsLetter")
    return replace(cart, preferences={"locale": locale, "optinNewsLetter": news})


def set_open_text(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set the note of the client, a text or an object with one; null takes it away."""
    value = body.get("value") if isinstance(body, dict) else body
    text = None if value is None else text_of(value)
    if value is not None and (text is None or len(text) > LONGEST_TEXT):
        raise CartRefusal("CHK0017")
    return replace(cart, open_text=text or None)


def set_merchant_context(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set who helps the client in a store; null takes it away."""
    content = require_object(body, "CHK0099", "the body")
    data = content.get("salesAssociateData")
    if data is None:
        return replace(cart, merchant_context=None)
    associate = text_of(
        require_object(data, "CHK0099", "salesAssociateData").get("salesAssociateId")
    )
    if associate is None or len(associate) > LONGEST_ASSOCIATE:
        raise CartRefusal("CHK0099", "salesAssociateId")
    return replace(cart, merchant_context={"salesAssociateData": {"salesAssociateId": associate}})


def set_invoice_data(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Set the address of the invoice and what belongs to it."""
    content = require_object(body, "ORD006", "the body")
    require_owner(cart, context)
    address = content.get("address")
    if address is not None:
        address = dict(require_object(address, "ORD006", "address"))
        address["country"] = address.get("country") or context.store.country
        for name, value in address.items():
            require_short(value, name)
            if isinstance(value, str) and is_masked(name, value):
                raise CartRefusal("ORD006", name)
    return replace(cart, invoice_data={**content, "address": address})


def ignore_profile(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Have the profile that is known by the e-mail not be filled in."""
    content = require_object(body, "ORD007", "the body")
    if cart.profile is not None:
        raise CartRefusal("CHK003", place="the cart has a profile already")
    if not isinstance(content.get("ignoreProfileData"), bool):
        raise CartRefusal("ORD007", "ignoreProfileData")
    return replace(cart, ignore_profile=content["ignoreProfileData"])


def clear_messages(cart: Cart, context: CartContext) -> Cart:
    """Forget the messages that were shown."""
    return replace(cart, messages=())


def unchanged(cart: Cart, context: CartContext) -> Cart:
    """What is not offered, and was never there to be removed."""
    return cart


def refuse_check_in(cart: Cart, context: CartContext) -> Cart:
    """Check-in is not offered: `CHK0036`."""
    raise CartRefusal("CHK0036", place="check-in is not offered here")


def _not_offered(code: str, *about: object) -> Callable[..., Cart]:
    def refuse(cart: Cart, context: CartContext, *, body: object) -> Cart:
        raise CartRefusal(code, *about, place="this part is not offered here")

    return refuse


SECTIONS: Mapping[str, Callable[..., Cart]] = {
    "clientProfileData": set_profile,
    "paymentData": set_payment_data,
    "marketingData": set_marketing,
    "clientPreferencesData": set_preferences,
    "openTextField": set_open_text,
    "merchantContextData": set_merchant_context,
    "invoiceData": set_invoice_data,
    "giftRegistryData": _not_offered("CHK0232"),
    "commercialConditionData": _not_offered("CHK008", "commercialConditionData"),
    "subscriptionData": _not_offered("CHK0166"),
}


def section_setter(name: str) -> Callable[..., Cart]:
    """What sets an attachment of this name; `CHK008` where there is none."""
    setter = SECTIONS.get(name)
    if setter is None:
        raise CartRefusal("CHK008", name)
    return setter
