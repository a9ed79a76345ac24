"""The lines of a cart over HTTP: adding, changing, removing, splitting, services, prices."""

from typing import Any

from fastapi import APIRouter, Request, Response

from oms_ledger.api.auth.dependencies import TheCell
from oms_ledger.api.carts.access import MayUseCart
from oms_ledger.api.carts.answers import change
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import json_body
from oms_ledger.carts import items, line_attachments
from oms_ledger.carts.refusals import CartRefusal
from oms_ledger.carts.values import whole

router = APIRouter(tags=["Carts"])
ITEMS = "/api/checkout/pub/orderForm/{order_form_id}/items"


def index_of(value: str) -> int:
    """The index of a line from a path; `CHK0041` for anything but a whole number from 0 on."""
    index = whole(value)
    if index is None or index < 0:
        raise CartRefusal("CHK0041", place=f"found {value[:20]!r}")
    return index


async def optional_body(request: Request) -> Any:
    """The body of an operation that needs none."""
    body = await json_body(request)
    return {} if body is None else body


@router.post(ITEMS)
async def post_items(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Add lines; one that is there already gets the quantity."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, items.add_items, body=body)


@router.patch(ITEMS)
async def patch_items(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Add, change and remove lines in one step."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, items.patch_items, body=body)


@router.post(f"{ITEMS}/update")
async def update_items(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set quantities by index; 0 removes a line."""
    body = await json_body(request)
    return await change(request, cell, caller, order_form_id, items.update_items, body=body)


@router.post(f"{ITEMS}/removeAll")
async def remove_all(
    order_form_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Remove every line; who buys and where to stay."""
    await json_body(request)
    return await change(request, cell, caller, order_form_id, items.remove_all)


@router.post(f"{ITEMS}/{{unique_id}}/split")
async def split_line(
    order_form_id: PathId, unique_id: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Make several lines of one."""
    fields: dict[str, Any] = {"unique_id": unique_id, "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, items.split_line, **fields)


@router.put(f"{ITEMS}/{{index}}/price")
async def put_price(
    order_form_id: PathId, index: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Set the price of every line of that SKU and seller manually."""
    fields: dict[str, Any] = {"index": index_of(index), "body": await json_body(request)}
    return await change(request, cell, caller, order_form_id, items.set_manual_price, **fields)


@router.delete(f"{ITEMS}/{{index}}/price")
async def delete_price(
    order_form_id: PathId, index: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Go back to the price on offer."""
    command = items.drop_manual_price
    fields: dict[str, Any] = {"index": index_of(index)}
    return await change(request, cell, caller, order_form_id, command, **fields)


@router.post(f"{ITEMS}/{{index}}/offerings")
async def post_offering(
    order_form_id: PathId, index: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Buy a service with a line."""
    fields: dict[str, Any] = {"index": index_of(index), "body": await json_body(request)}
    command = line_attachments.add_service
    return await change(request, cell, caller, order_form_id, command, **fields)


@router.post(f"{ITEMS}/{{index}}/offerings/{{service}}/remove")
async def remove_offering(
    order_form_id: PathId,
    index: PathId,
    service: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Give a service back."""
    await json_body(request)
    fields: dict[str, Any] = {"index": index_of(index), "service": service}
    command = line_attachments.remove_service
    return await change(request, cell, caller, order_form_id, command, **fields)


@router.post(f"{ITEMS}/{{index}}/attachments/{{name}}")
async def post_attachment(
    order_form_id: PathId,
    index: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Write something on a line."""
    fields: dict[str, Any] = {
        "index": index_of(index),
        "name": name,
        "body": await json_body(request),
    }
    return await change(request, cell, caller, order_form_id, line_attachments.attach, **fields)


@router.delete(f"{ITEMS}/{{index}}/attachments/{{name}}")
async def delete_attachment(
    order_form_id: PathId,
    index: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Take back what was written on a line."""
    fields: dict[str, Any] = {"index": index_of(index), "name": name}
    return await change(request, cell, caller, order_form_id, line_attachments.detach, **fields)


@router.post(f"{ITEMS}/{{index}}/bundles/{{service}}/attachments/{{name}}")
async def post_service_attachment(
    order_form_id: PathId,
    index: PathId,
    service: PathId,
    name: PathId,
    request: Request,
    cell: TheCell,
    caller: MayUseCart,
) -> Response:
    """Write something on a service."""
    fields: dict[str, Any] = {
        "index": index_of(index),
        "service": service,
        "name": name,
    }
    body, command = await json_body(request), line_attachments.attach_to_service
    return await change(request, cell, caller, order_form_id, command, body=body, **fields)


@router.post(f"{ITEMS}/{{index}}/clone")
@router.post(f"{ITEMS}/{{index}}/assemblyOptions/{{option}}")
@router.delete(f"{ITEMS}/{{index}}/assemblyOptions/{{option}}")
async def refuse_assembly(
    order_form_id: PathId, index: PathId, request: Request, cell: TheCell, caller: MayUseCart
) -> Response:
    """Not offered."""
    command = line_attachments.refuse_assembly
    return await change(request, cell, caller, order_form_id, command)
