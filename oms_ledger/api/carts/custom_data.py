"""Custom data of apps, and custom fields, over HTTP."""

from typing import Any

from fastapi import APIRouter, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.carts.access import MayUseCart
from oms_ledger.api.carts.answers import change
from oms_ledger.api.http.addressing import segment
from oms_ledger.api.http.bodies import json_body
from oms_ledger.carts import custom_data

router = APIRouter(tags=["Carts"])
CART = "/api/checkout/pub/orderForm/{order_form_id}"


@router.put(f"{CART}/customData/{{app_id}}")
async def put_app(
    order_form_id: str, app_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set several fields of an app."""
    told: dict[str, Any] = {"app_id": segment(app_id), "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, custom_data.set_fields, **told)


@router.put(f"{CART}/customData/{{app_id}}/{{name}}")
async def put_field(
    order_form_id: str, app_id: str, name: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set one field of an app."""
    told: dict[str, Any] = {
        "app_id": segment(app_id),
        "name": segment(name),
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_field, **told)


@router.delete(f"{CART}/customData/{{app_id}}/{{name}}")
async def delete_field(
    order_form_id: str, app_id: str, name: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Unset one field of an app."""
    told: dict[str, Any] = {"app_id": segment(app_id), "name": segment(name)}
    return await change(request, cell, caller, order_form_id, custom_data.drop_field, **told)


@router.put(f"{CART}/customFields")
async def put_custom_fields(
    order_form_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of the order, its lines and its addresses."""
    body, command = await json_body(request), custom_data.set_custom_fields
    return await change(request, cell, caller, order_form_id, command, body=body)


@router.put(f"{CART}/customFields/order")
async def put_order_fields(
    order_form_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of the order."""
    told: dict[str, Any] = {"type": "order", "id": None, "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **told)


@router.put(f"{CART}/customFields/item/{{unique_id}}")
async def put_line_fields(
    order_form_id: str, unique_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of a line."""
    told: dict[str, Any] = {
        "type": "item",
        "id": segment(unique_id),
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **told)


@router.put(f"{CART}/customFields/address/{{address_id}}")
async def put_address_fields(
    order_form_id: str, address_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of an address."""
    told: dict[str, Any] = {
        "type": "address",
        "id": segment(address_id),
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **told)


@router.delete(f"{CART}/customFields/item/{{unique_id}}")
async def delete_line_field(
    order_form_id: str, unique_id: str, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Unset the field of a line that the query names; all of them when it names none."""
    told: dict[str, Any] = {"type": "item", "id": segment(unique_id)}
    told["name"] = request.query_params.get("fieldName")
    return await change(request, cell, caller, order_form_id, custom_data.drop_field_of, **told)


@router.delete(f"{CART}/customFields/{{type}}/{{id}}/{{name}}")
async def delete_field_of(
    order_form_id: str,
    type: str,
    id: str,
    name: str,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Unset one field of the order, a line or an address; an order has no id of its own."""
    kind = segment(type)
    told: dict[str, Any] = {"type": kind, "id": None if kind == "order" else segment(id)}
    command = custom_data.drop_field_of
    return await change(request, cell, caller, order_form_id, command, name=segment(name), **told)
