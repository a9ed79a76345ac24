"""Order Hook: its configuration and the ping that checks it (contract 04 §§2, 6)."""

import asyncio
import re
import secrets
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response

from oms_ledger.accounts.refusals import NoSubscription
from oms_ledger.accounts.roles import FEED_ADMIN
from oms_ledger.accounts.subscriptions import HookConfigured
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.notifications.filters import read_filter
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.http_client.addresses import REFUSED, wrong_url
from oms_ledger.http_client.webhook_client import ping
from oms_ledger.notifications.webhook import (
    PING,
    is_header_name,
    is_reserved,
    signature_headers,
)
from oms_ledger.services.accounts.subscriptions import configure_hook, remove_hook
from projections.notifications import hooks
from projections.notifications.hooks import Hook

log = structlog.get_logger(__name__)
router = APIRouter(tags=["Order Hook"])

MaySee = Annotated[Caller, Depends(requires("hook_config_read"))]
MayConfigure = Annotated[Caller, Depends(requires("hook_config_write"))]


def _shown(hook: Hook, *, secrets: bool) -> dict[str, Any]:
    headers = hook.headers if secrets else dict.fromkeys(hook.headers, "***")
    return {"filter": hook.filter, "hook": {"url": hook.url, "headers": headers}}


def missing() -> NoSubscription:
    """The refusal of a key that has no hook."""
    return NoSubscription("hook")


@router.get("/api/orders/hook/config")
async def get_config(cell: TheCell, caller: MaySee) -> Response:
    """Answer the hook of the key; its headers are shown to who may change them."""
    hook = await cell.read(hooks.get, caller.app_key, cell.encryption)
    if hook is None:
        raise missing()
    return json_response(_shown(hook, secrets=FEED_ADMIN in caller.resources))


@router.post("/api/orders/hook/config")
async def post_config(request: Request, cell: TheCell, caller: MayConfigure) -> Response:
    """Configure the hook of the key, once its address accepts a signed ping."""
    body = await json_body(request)
    requested = body.get("hook") if isinstance(body, dict) else None
    if not isinstance(requested, dict) or not isinstance(requested.get("url"), str):
        raise bad_request("hook.url: found nothing, expected an absolute https address")
    headers = _headers(requested.get("headers"))
    filter, warning = await asyncio.to_thread(read_filter, body.get("filter"))
    networks = cell.settings.networks_of(caller.account)
    if refusal := wrong_url(requested["url"], networks):
        raise bad_request(refusal)
    secret = await asyncio.to_thread(_secret_of, cell, caller.app_key)
    event_id, at = f"ping-{secrets.token_hex(8)}", cell.clock.micros() // 1_000_000
    signed = signature_headers([secret], event_id, at, PING)
    if seen := await ping(requested["url"], {**headers, **signed}, networks, cell.clock):
        # What was seen would be about machines that only this one reaches.
        log.info("hook_ping_failed", app_key=caller.app_key, seen=seen.partition(":")[0])
        raise bad_request(REFUSED)
    url = requested["url"]
    wanted = HookConfigured(caller.app_key, filter, url, headers, secret)
    fresh = await configure_hook(cell, caller.context, wanted)
    hook = Hook(caller.app_key, caller.account, filter, url, headers)
    shown = {**warning, "X-Hook-Secret": fresh} if fresh else warning
    return json_response(_shown(hook, secrets=True), headers=shown)


def _secret_of(cell: Cell, app_key: str) -> str:
    """The signing secret of the key's hook, or the one that a new hook gets."""
    with cell.database.snapshot() as connection:
        known = hooks.get(connection, app_key, cell.encryption)
    return known.secret if known else hooks.new_secret()


def _headers(requested: Any) -> dict[str, str]:
    if requested is None:
        return {}
    if not isinstance(requested, dict) or len(requested) > 32:
        raise bad_request("hook.headers: expected an object of at most 32 headers")
    for name, value in requested.items():
        if not is_header_name(name):
            raise bad_request(f"hook.headers: {name!r} is no header name")
        if is_reserved(name):
            raise bad_request(f"hook.headers.{name}: this header is set by the sender itself")
        if not isinstance(value, str) or len(value) > 4096 or re.search(r"[\r\n\0]", value):
            raise bad_request(f"hook.headers.{name}: expected one line of at most 4 KiB")
    return requested


@router.delete("/api/orders/hook/config")
async def delete_config(cell: TheCell, caller: MayConfigure) -> Response:
    """Remove the hook of the key and what waits for it."""
    await remove_hook(cell, caller.context, caller.app_key)
    return Response(status_code=200)
