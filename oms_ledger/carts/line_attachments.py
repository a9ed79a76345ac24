"""What shoppers write on a line or its service, and the services of a line."""

from collections.abc import Sequence
from dataclasses import replace

from oms_ledger.carts.cart import Cart, CartLine, ChosenService, LineAttachment
from oms_ledger.carts.context import CartContext, line_at
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import objects, require_object, text_of
from oms_ledger.offers.catalog import Attachment


def read_attachments(given: object, place: str) -> tuple[LineAttachment, ...]:
    """Attachments as whole lines carry them: a name, and texts by their keys."""
    return tuple(
        LineAttachment(name=name, content=_content(one.get("content"), "CHK0140"))
        for one in objects(given, "CHK0140", f"{place}.attachments")
        if (name := text_of(one.get("name"))) and one.get("content")
    )


def attach(cart: Cart, context: CartContext, *, index: int, name: str, body: object) -> Cart:
    """Set what is written on a line under a name that its offer has."""
    line = line_at(cart, index)
    fields = require_object(body, "CHK0140", "the body")
    if not isinstance(fields.get("content"), dict):
        raise CartRefusal("CHK0140", place="content is required and must be an object")
    content = _content(fields["content"], "CHK0140")
    offered = context.offered_line(index).offer.attachments
    _require_fitting(offered, name, content)
    no_split = fields.get("noSplitItem") is True or line.no_split
    kept = tuple(one for one in line.attachments if one.name != name)
    changed = (*kept, LineAttachment(name=name, content=content))
    return _with_line(cart, index, replace(line, attachments=changed, no_split=no_split))


def detach(cart: Cart, context: CartContext, *, index: int, name: str) -> Cart:
    """Take back what is written under a name; nothing when there is nothing."""
    line = line_at(cart, index)
    _named(context.offered_line(index).offer.attachments, name)
    kept = tuple(one for one in line.attachments if one.name != name)
    return _with_line(cart, index, replace(line, attachments=kept))


def add_service(cart: Cart, context: CartContext, *, index: int, body: object) -> Cart:
    """Buy a service with a line; of a line of several units one is split off and gets it."""
    line = line_at(cart, index)
    fields = require_object(body, "CHK0022", "the body")
    service = text_of(fields.get("id", fields.get("Id")))
    if service not in {one.id for one in context.offered_line(index).offer.services}:
        raise CartRefusal("CHK0022", place=f"line {index} has no offering {service}")
    assert service is not None
    if any(one.id == service for one in line.services):
        return cart
    chosen = (*line.services, ChosenService(id=service))
    no_split = fields.get("noSplitItem") is True or line.no_split
    if line.quantity == 1 or no_split:
        return _with_line(cart, index, replace(line, services=chosen))
    one = replace(line, unique_id=context.new_id(), quantity=1, services=chosen, seen=line.seen)
    rest = replace(line, quantity=line.quantity - 1)
    return replace(cart, lines=(*cart.lines[:index], rest, one, *cart.lines[index + 1 :]))


def remove_service(cart: Cart, context: CartContext, *, index: int, service: str) -> Cart:
    """Take a service off a line; `CHK0022` where it has none of this id."""
    line = line_at(cart, index)
    if all(one.id != service for one in line.services):
        raise CartRefusal("CHK0022", place=f"line {index} has no service {service}")
    kept = tuple(one for one in line.services if one.id != service)
    return _with_line(cart, index, replace(line, services=kept))


def attach_to_service(
    cart: Cart, context: CartContext, *, index: int, service: str, name: str, body: object
) -> Cart:
    """Offers have no attachments of services: the service must be there, the name is not."""
    line = line_at(cart, index)
    if all(one.id != service for one in line.services):
        raise CartRefusal("CHK0022", place=f"line {index} has no service {service}")
    raise CartRefusal("CHK0140", place=f"{service} has no attachment {name}", status=404)


def refuse_assembly(cart: Cart, context: CartContext) -> Cart:
    """Kits and assemblies are not offered: `CHK0172`."""
    raise CartRefusal("CHK0172", place="kits and assemblies are not offered here")


def _content(given: object, code: str) -> dict[str, str]:
    fields = require_object(given, code, "content")
    found = {}
    for key, value in fields.items():
        text = "" if value is None else text_of(value)
        if text is None and isinstance(value, bool):
            text = str(value).lower()
        if text is None:
            raise CartRefusal("CHK0141", "", key)
        found[key] = text
    return found


def _require_fitting(offered: Sequence[Attachment], name: str, content: dict[str, str]) -> None:
    schema = _named(offered, name).schema
    for key, value in content.items():
        if key not in schema:
            raise CartRefusal("CHK0139", key, status=404)
        field = schema[key]
        too_long = len(value) > field.maximum_number_of_characters
        if too_long or (field.domain and value not in field.domain):
            raise CartRefusal("CHK0141", value[:60], key)


def _named(offered: Sequence[Attachment], name: str) -> Attachment:
    found = next((one for one in offered if one.name == name), None)
    if found is None:
        raise CartRefusal("CHK0140", place=name, status=404)
    return found


def _with_line(cart: Cart, index: int, line: CartLine) -> Cart:
    return replace(cart, lines=(*cart.lines[:index], line, *cart.lines[index + 1 :]))
