"""Feed and hook of a key that the path names: the same operations, for who manages keys (ours).

`/api/orders/feed/config` is `/api/ledger/keys/{appKey}/feed/config`, `/api/ledger/hook/pause` is
`/api/ledger/keys/{appKey}/hook/pause`, and so on. An own key may be named by any caller.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.routing import APIRoute

from oms_ledger.api.notifications import feed, hook, hook_admin, subscription_admin

KEY = "/api/ledger/keys/{app_key}"


async def _named(
    app_key: Annotated[str, Path(description="The key whose feed or hook is meant")],
) -> str:
    return app_key


router = APIRouter(tags=["Feed and hook of a key"], dependencies=[Depends(_named)])


def _path(path: str) -> str | None:
    """Where the operation is found below a key; None for those that only clients use."""
    for lead in ("/api/ledger/feed", "/api/ledger/hook"):
        if path == lead or path.startswith(f"{lead}/"):
            return KEY + path.removeprefix("/api/ledger")
    if path in ("/api/orders/feed/config", "/api/orders/hook/config"):
        return KEY + path.removeprefix("/api/orders")
    return None


for _module in (feed, hook, hook_admin, subscription_admin):
    for _route in _module.router.routes:
        if isinstance(_route, APIRoute) and (_below := _path(_route.path)):
            router.add_api_route(
                _below,
                _route.endpoint,
                methods=list(_route.methods or ()),
                status_code=_route.status_code,
                name=f"{_route.name} of a key",
                operation_id=f"{_route.unique_id}_of_key",
                description=_route.description,
            )
