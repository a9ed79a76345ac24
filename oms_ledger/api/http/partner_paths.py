"""The paths that partners send the same request to: each guide and each client has its own."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from fastapi import APIRouter

BASES = (
    *("/pvt", "/pub", "/api/oms/pvt", "/api/oms/pub"),
    *("/api/fulfillment/pvt", "/api/fulfillment/pub", "/api/order-system"),
)
"""What stands before `/orders/{id}/…`."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def on_partner_paths(
    router: APIRouter,
    method: str,
    below: str,
    *,
    but: Iterable[str] = (),
    **options: Any,
) -> Callable[[Endpoint], Endpoint]:
    """Serve an endpoint below every base but those that have it in the description."""

    def serve(endpoint: Endpoint) -> Endpoint:
        for base in BASES:
            if base not in but:
                path = f"{base}/orders/{{order_id}}{below}"
                router.add_api_route(
                    path, endpoint, methods=[method], include_in_schema=False, **options
                )
        return endpoint

    return serve
