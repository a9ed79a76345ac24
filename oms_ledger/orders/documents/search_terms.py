"""What an order is found by: the exact texts of its document that lists filter and search by.

A term is kept as it is shown and compared without case; accents, spaces and signs count, except
in the words of a name, which are found without accents too.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

LONGEST = 256  # characters of a term that are compared

# Kinds that one order has one term of, and those it may have several of. Totals are kept for both.
SINGLE = ("affiliate", "channel", "channel_name", "operator", "utm")
SEVERAL = ("flag", "payment", "promotion", "seller")
COUNTED = (*SINGLE, *SEVERAL)


_IN_STORE_TAGS = frozenset({"instore", "vtex-instore", "vtex sales app"})


class Term(NamedTuple):
    """What an order is found by: `term` is compared, `shown` is as the document has it."""

    kind: str
    term: str
    shown: str


def comparable(text: str) -> str:
    """A text as it is compared: without case, else as it is."""
    return text[:LONGEST].replace("\0", "").casefold()[:LONGEST]


def mailbox(email: str) -> str:
    """An e-mail as it says who somebody is: A to Z without case, each other sign as it is.

    Folding more would make two mailboxes one, like those with a long s and an s.
    """
    return re.sub("[A-Z]+", lambda found: found[0].lower(), email.strip())


def plain(text: str) -> str:
    """A text without case and accents."""
    apart = unicodedata.normalize("NFKD", text[: 2 * LONGEST])
    return comparable("".join(char for char in apart if not unicodedata.combining(char)))


def digits(text: Any) -> str | None:
    """A document's number without the signs between its digits; None when it is no number."""
    bare = re.sub(r"[ ./-]", "", text) if isinstance(text, str) else ""
    return bare if bare.isdecimal() else None


def words(text: str) -> list[str]:
    """The words of a text, without case and accents."""
    return plain(text).split()


def terms_of(
    document: Mapping[str, Any], row: Mapping[str, Any], details: Mapping[str, Any]
) -> list[Term]:
    """The terms of an order, in a stable order.

    By its OMS document, its row in the list, and `details` that were placed with it besides.
    """
    content = [
        Term(kind, comparable(str(value)), str(value)[:LONGEST].replace("\0", ""))
        for kind, value in (*_values(document, row), *_of_details(document, details))
        if value and isinstance(value, str | int) and not isinstance(value, bool)
    ]
    email = _profile(document).get("email")
    if isinstance(email, str) and (who := mailbox(email)[:LONGEST].replace("\0", "")):
        content.append(Term("mailbox", who, ""))
    for kind in ("clientName", "corporateName", "tradeName"):
        name = row["clientName"] if kind == "clientName" else _profile(document).get(kind)
        if isinstance(name, str) and name.strip():
            content += [Term("name", word, "") for word in words(name)]
            content.append(Term("full_name", " ".join(words(name))[:LONGEST], ""))
    kept = {(term.kind, term.term): term for term in reversed(content) if term.term}
    return sorted(kept.values())


def _profile(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document.get("clientProfileData") or {}


def _values(document: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    profile = _profile(document)
    yield "id", document["orderId"]
    yield "sequence", document["sequence"]
    yield "seller_order", _own_id_of_seller(document)
    yield "affiliate", document["affiliateId"]
    yield "channel", document["salesChannel"]
    yield "list", row["listId"]
    yield "operator", row["callCenterOperatorName"]
    operator = document["callCenterOperatorData"]
    yield "operator_email", operator.get("email") if isinstance(operator, Mapping) else None
    marketing = document.get("marketingData")
    yield "utm", marketing.get("utmSource") if isinstance(marketing, Mapping) else None
    yield "email", profile.get("email")
    yield "profile", profile.get("userProfileId")
    for name in ("document", "corporateDocument"):
        yield "document", profile.get(name)
        yield "document", digits(profile.get(name))
    for seller in document["sellers"]:
        yield "seller", seller["name"]
    for item in document["items"]:
        yield "sku", item["id"]
    for promotion in _promotions(document):
        yield "promotion", promotion.get("name")
    for package in document["packageAttachment"]["packages"]:
        yield "invoice", package["invoiceNumber"]
        yield "tracking", package["trackingNumber"]
    yield from _payments(document["paymentData"]["transactions"])
    yield from _flags(document, row)
    yield from _custom(document)


def _promotions(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    benefits = document["ratesAndBenefitsData"]
    if not isinstance(benefits, Mapping):  # an imported document has what it had
        return []
    return objects(benefits.get("rateAndBenefitsIdentifiers"))


def _own_id_of_seller(document: Mapping[str, Any]) -> str | None:
    """What a seller outside calls the order, which does not follow from what it is called here."""
    known = document["sellerOrderId"]
    if not known or document["origin"] != "Marketplace" or known.endswith(document["orderId"]):
        return None
    return str(known)


def _payments(transactions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for transaction in transactions:
        yield "pci_tid", transaction["transactionId"]
        for payment in transaction["payments"]:
            yield "payment", payment["paymentSystemName"]
            yield "payment_id", payment["id"]
            yield "tid", payment["tid"]
            answer = payment["connectorResponses"]
            for name, value in (answer if isinstance(answer, Mapping) else {}).items():
                if name.lower() in ("tid", "nsu"):
                    yield name.lower(), value


def _flags(document: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    types = {package["type"] for package in document["packageAttachment"]["packages"]}
    for type in sorted(types):
        yield "flag", f"has{type}Invoice"
    if in_store(document):
        yield "flag", "isInstore"
    if row["workflowInErrorState"]:
        yield "flag", "error:perm"


def in_store(document: Mapping[str, Any]) -> bool:
    """Placed by the Sales App: checked in at a store, tagged by the app, or from its cart."""
    tags = (document.get("marketingData") or {}).get("marketingTags")
    tagged = {str(tag).casefold() for tag in tags} if isinstance(tags, list) else set()
    custom = document.get("customData")
    apps = objects(custom.get("customApps")) if isinstance(custom, Mapping) else []
    carts = [app["fields"] for app in apps if isinstance(app.get("fields"), Mapping)]
    return (
        bool(document["isCheckedIn"])
        or not _IN_STORE_TAGS.isdisjoint(tagged)
        or any(fields.get("cart-type") == "INSTORE" for fields in carts)
    )


def _of_details(
    document: Mapping[str, Any], details: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """A sales channel without a name goes by its id. Agents are a company's buyers."""
    channel = details.get("salesChannelData")
    name = channel.get("name") if isinstance(channel, Mapping) else None
    yield "channel_name", name or document["salesChannel"]
    content = details.get("purchaseAgentData") or details.get("purchaseAgentsData") or {}
    agents = content.get("purchaseAgents") if isinstance(content, Mapping) else content
    for agent in agents if isinstance(agents, list) else ():
        if isinstance(agent, Mapping):
            yield "agent", agent.get("id") or agent.get("userId")


def _custom(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Custom and contact fields, which are found by their whole values."""
    custom = document.get("customData")
    for part in ("customApps", "customFields"):
        for one in objects(custom.get(part)) if isinstance(custom, Mapping) else ():
            fields = one.get("fields")
            for value in fields.values() if isinstance(fields, Mapping) else ():
                yield "custom", value
            for field in objects(fields):
                yield "custom", field.get("value")
                yield "custom", field.get("refId")
    for contact in objects(document["shippingData"]["contactInformation"]):
        for name in ("email", "firstName", "lastName", "phone", "document", "documentType"):
            yield "custom", contact.get(name)


def objects(given: Any) -> list[Mapping[str, Any]]:
    """The objects of a part that is kept as it came, whatever it is."""
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
