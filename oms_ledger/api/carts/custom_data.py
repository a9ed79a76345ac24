"""Custom data of apps, and custom fields, over HTTP."""

from typing import Any

from fastapi import APIRouter, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.carts.access import MayUseCart
from oms_ledger.api.carts.answers import change
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.carts import custom_data

router = APIRouter(tags=["Carts"])
CART = "/api/checkout/pub/orderForm/{order_form_id}"


@router.put(f"{CART}/customData/{{app_id}}")
async def put_app(
    order_form_id: PathId, app_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set several fields of an app."""
    fields: dict[str, Any] = {"app_id": app_id, "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, custom_data.set_fields, **fields)


@router.put(f"{CART}/customData/{{app_id}}/{{name}}")
async def put_field(
    order_form_id: PathId,
    app_id: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Set one field of an app."""
    fields: dict[str, Any] = {
        "app_id": app_id,
        "name": name,
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_field, **fields)


@router.delete(f"{CART}/customData/{{app_id}}/{{name}}")
async def delete_field(
    order_form_id: PathId,
    app_id: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Unset one field of an app."""
    fields: dict[str, Any] = {"app_id": app_id, "name": name}
    return await change(request, cell, caller, order_form_id, custom_data.drop_field, **fields)


@router.put(f"{CART}/customFields")
async def put_custom_fields(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of the order, its lines and its addresses."""
    body, command = await json_body(request), custom_data.set_custom_fields
    return await change(request, cell, caller, order_form_id, command, body=body)


@router.put(f"{CART}/customFields/order")
async def put_order_fields(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of the order."""
    fields: dict[str, Any] = {"type": "order", "id": None, "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **fields)


@router.put(f"{CART}/customFields/item/{{unique_id}}")
async def put_line_fields(
    order_form_id: PathId, unique_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of a line."""
    fields: dict[str, Any] = {
        "type": "item",
        "id": unique_id,
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **fields)


@router.put(f"{CART}/customFields/address/{{address_id}}")
async def put_address_fields(
    order_form_id: PathId, address_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set fields of an address."""
    fields: dict[str, Any] = {
        "type": "address",
        "id": address_id,
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, custom_data.set_fields_of, **fields)


@router.delete(f"{CART}/customFields/item/{{unique_id}}")
async def delete_line_field(
    order_form_id: PathId, unique_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Unset the field of a line that the query names; all of them when it names none."""
    fields: dict[str, Any] = {"type": "item", "id": unique_id}
    fields["name"] = request.query_params.get("fieldName")
    return await change(request, cell, caller, order_form_id, custom_data.drop_field_of, **fields)


@router.delete(f"{CART}/customFields/order/{{name}}", include_in_schema=False)
async def delete_order_field(
    order_form_id: PathId, name: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Unset one field of the order, which has no id of its own."""
    fields: dict[str, Any] = {"type": "order", "id": None, "name": name}
    return await change(request, cell, caller, order_form_id, custom_data.drop_field_of, **fields)


@router.delete(f"{CART}/customFields/{{type}}/{{id}}/{{name}}")
async def delete_field_of(
    order_form_id: PathId,
    type: PathId,
    id: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Unset one field of the order, a line or an address; an order has no id of its own."""
    fields: dict[str, Any] = {"type": type, "id": None if type == "order" else id}
    command = custom_data.drop_field_of
    return await change(request, cell, caller, order_form_id, command, name=name, **fields)
