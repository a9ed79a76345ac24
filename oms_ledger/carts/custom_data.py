"""What apps of the account keep with a cart, and fields of its order, lines and addresses."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from oms_ledger.carts.cart import Cart, CustomApp, CustomFields, Json
from oms_ledger.carts.context import CartContext
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import objects, require_object

LONGEST = 10_000
MOST_FIELDS = 200  # of an app, as many as it may be configured with, or of a part
LINKED = ("order", "item", "address")
WHOLE = "cart"
"""What a published page calls the whole order in one place."""


def set_fields(cart: Cart, context: CartContext, *, app_id: str, body: object) -> Cart:
    """Set several fields of an app at once; null takes one back."""
    content = require_object(body, "CHK0121", "the body")
    app = _app(context, app_id)
    fields = {name: _value(v, name) for name, v in content.items() if v is not None}
    kept = {
        name: v for name, v in _fields(cart, app_id).items() if content.get(name, v) is not None
    }
    return _with_fields(cart, context, app, {**kept, **fields})


def set_field(cart: Cart, context: CartContext, *, app_id: str, name: str, body: object) -> Cart:
    """Set one field of an app; it has to be one of the app's."""
    content = require_object(body, "CHK0121", "the body")
    app = _app(context, app_id)
    _require_listed(app, app_id, name)
    value = _value(content.get("value"), "value")
    return _with_fields(cart, context, app, {**_fields(cart, app_id), name: value})


def drop_field(cart: Cart, context: CartContext, *, app_id: str, name: str) -> Cart:
    """Remove one field of an app; one that is not set stays so."""
    app = _app(context, app_id)
    _require_listed(app, app_id, name)
    kept = {key: value for key, value in _fields(cart, app_id).items() if key != name}
    return _with_fields(cart, context, app, kept)


def _require_listed(app: Json, app_id: str, name: str) -> None:
    if name not in app["fields"]:
        raise CartRefusal("CHK0091", app_id)


def _app(context: CartContext, app_id: str) -> Json:
    app = context.store.configuration.app(app_id)
    if app is None:
        raise CartRefusal("CHK0090", place=app_id)
    return app


def _fields(cart: Cart, app_id: str) -> dict[str, str]:
    return next((app.fields for app in cart.apps if app.id == app_id), {})


def _value(value: object, name: str) -> str:
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise CartRefusal("CHK0121", place=f"{name}: expected a text")
    if len(text) > LONGEST:
        raise CartRefusal("CHK0099", name)
    return text


def _with_fields(cart: Cart, context: CartContext, app: Json, fields: dict[str, str]) -> Cart:
    """Apps stand in the order of the configuration; what is configured no more comes last."""
    if len(fields) > MOST_FIELDS:
        raise CartRefusal("CHK0121", place=f"more than {MOST_FIELDS} fields")
    one = CustomApp(id=app["id"], major=int(app["major"]), fields=fields)
    apps = [*(known for known in cart.apps if known.id != one.id), one]
    configured = context.store.configuration.app_ids
    places = {app_id: place for place, app_id in enumerate(configured)}
    apps.sort(key=lambda known: places.get(known.id, len(places)))
    return replace(cart, apps=tuple(known for known in apps if known.fields))


def set_custom_fields(cart: Cart, context: CartContext, *, body: object) -> Cart:
    """Fields of several parts at once, each named by its `linkedEntity`."""
    if not isinstance(body, list):
        raise CartRefusal("CHK0121", place="expected a list")
    for number, entry in enumerate(objects(body, "CHK0121", "the body")):
        linked = require_object(entry.get("linkedEntity"), "CHK0121", f"[{number}].linkedEntity")
        cart = _set(cart, linked.get("type"), linked.get("id"), entry.get("fields"))
    return cart


def set_fields_of(
    cart: Cart, context: CartContext, *, type: str, id: str | None, body: object
) -> Cart:
    """Fields of one part: one field, a list of them, or an object with a list under `fields`."""
    if isinstance(body, dict):
        body = body.get("fields", [body])
    return _set(cart, type, id, body)


def drop_field_of(
    cart: Cart, context: CartContext, *, type: str, id: str | None, name: str | None
) -> Cart:
    """Take a field of a part back; all of them when none is named."""
    type = "order" if type == WHOLE else type
    _require_part(cart, type, id)
    return _changed(
        cart, type, id, lambda fields: [f for f in fields if name and f["name"] != name]
    )


def _set(cart: Cart, type: object, id: object, fields: object) -> Cart:
    type = "order" if type == WHOLE else type
    _require_part(cart, type, id)
    if fields is None:
        raise CartRefusal("CHK0121", place="fields: expected a list of objects")
    content = {}
    for number, one in enumerate(objects(fields, "CHK0121", "fields")):
        if not isinstance(one.get("name"), str) or not one["name"]:
            raise CartRefusal("CHK0121", place=f"fields[{number}].name")
        ref = one.get("refId")
        if ref is not None and not isinstance(ref, str):
            raise CartRefusal("CHK0121", place=f"fields[{number}].refId")
        value = _value(one.get("value"), f"fields[{number}].value")
        content[one["name"]] = {"name": one["name"], "value": value, "refId": ref}

    def merge(known: Sequence[Json]) -> list[Json]:
        """What was there keeps its place."""
        return list(({one["name"]: one for one in known} | content).values())

    return _changed(cart, str(type), None if type == "order" else str(id), merge)


def _require_part(cart: Cart, type: object, id: object) -> None:
    if type not in LINKED:
        raise CartRefusal("CHK0121", place=f"linkedEntity.type: expected {', '.join(LINKED)}")
    if type == "item":
        _require_line(cart, id)
    if type == "address" and id not in {one["addressId"] for one in cart.addresses}:
        raise CartRefusal("CHK0179", place=str(id))


def _require_line(cart: Cart, id: object) -> None:
    if id not in {line.unique_id for line in cart.lines}:
        raise CartRefusal("CHK0022", place=f"no line has the uniqueId {id}")


def _changed(
    cart: Cart, type: str, id: str | None, change: Callable[[Sequence[Json]], list[Json]]
) -> Cart:
    known = next((one.fields for one in cart.custom_fields if (one.type, one.id) == (type, id)), ())
    fields = tuple(change(known))
    if len(fields) > MOST_FIELDS:
        raise CartRefusal("CHK0121", place=f"more than {MOST_FIELDS} fields")
    parts = {(one.type, one.id): one for one in cart.custom_fields}
    parts[type, id] = CustomFields(type=type, id=id, fields=fields)
    return replace(cart, custom_fields=tuple(one for one in parts.values() if one.fields))
