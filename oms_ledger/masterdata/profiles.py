"""What a placed order says of its client: a profile in `CL`, addresses in `AD`."""

from collections.abc import Iterator, Mapping
from typing import Any

from oms_ledger.orders.order import Order
from oms_ledger.orders.status import Status

Json = dict[str, Any]

SOLD_HERE = ("complete", "marketplace")
ADDRESS_FIELDS = (
    "addressType", "receiverName", "street", "number", "complement", "neighborhood", "reference",
    "city", "state", "country", "postalCode",
)  # fmt: skip
_CLIENT_FIELDS = (
    "email", "firstName", "lastName", "document", "documentType", "phone", "corporateName",
    "tradeName", "corporateDocument", "isCorporate",
)  # fmt: skip


def tells_of_client(before: Order | None, after: Order) -> bool:
    """Whether the order has just come to `order-created`, sold and placed here."""
    created = after.status is Status.ORDER_CREATED and (
        before is None or before.status is not Status.ORDER_CREATED
    )
    first = sum(status is Status.ORDER_CREATED for status, _ in after.timeline) == 1
    return created and first and after.flow in SOLD_HERE and not after.imported


def client_of(order: Order) -> Json | None:
    """The fields of the client's profile, blanks left out; None without an e-mail."""
    profile = order.placed.client_profile
    fields = _filled(profile, _CLIENT_FIELDS)
    if not fields.get("email"):
        return None
    if isinstance(profile.get("stateInscription"), str) and profile["stateInscription"]:
        fields["stateRegistration"] = profile["stateInscription"]
    if "phone" in fields:
        fields["homePhone"] = fields["phone"]
    locale = (order.placed.preferences or {}).get("locale")
    if isinstance(locale, str) and locale:
        fields["localeDefault"] = locale
    user = profile.get("userProfileId")
    return {**fields, **({"userId": user} if isinstance(user, str) and user else {})}


def addresses_of(order: Order) -> Iterator[Json]:
    """The addresses that the client had goods sent to, each with the id it has in the order."""
    whole = order.placed.address
    for address in whole.get("selectedAddresses") or ([whole] if whole else []):
        if address.get("addressType") == "pickup" or address.get("isDisposable") is True:
            continue
        fields = _filled(address, ADDRESS_FIELDS)
        if not fields:
            continue
        place = address.get("geoCoordinates")
        if isinstance(place, list) and place:
            fields["geoCoordinate"] = place
        if isinstance(address.get("addressId"), str) and address["addressId"]:
            fields["addressName"] = address["addressId"]
        yield fields


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two addresses are the same place for the same receiver."""
    return all((one.get(name) or "") == (other.get(name) or "") for name in ADDRESS_FIELDS)


def _filled(given: Mapping[str, Any], names: tuple[str, ...]) -> Json:
    return {name: given[name] for name in names if given.get(name) not in (None, "")}
