"""The deployment: lags, queues, processes, seals, and verify with its progress."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from oms_ledger.backoffice import asking
from oms_ledger.backoffice.page import Page

SHOWN = ("oms_process_seen_seconds", "oms_redis_up")


async def get_system(page: Page) -> Response:
    """How far subscriptions and processes are, and the last seals."""
    page.require("system")
    state = await page.get("/api/ledger/system")
    seals = await page.get("/api/ledger/seals")
    processes = [f for f in state["figures"] if f["name"] in SHOWN]
    return await page.render(
        "system.html",
        state=state,
        lags=state["subscriptions"],
        processes=processes,
        seals=seals["seals"],
        verifying=page.query("verify") == "yes",
    )


async def get_verification(page: Page) -> Response:
    """A verification as server-sent events; it runs while it is looked at."""
    page.require("system")
    stream = asking.listen(
        page.office.api,
        page.person,
        "/api/ledger/verify",
        (),  # type: ignore[arg-type]
        method="POST",
    )
    return StreamingResponse(_reports(stream), 200, media_type="text/event-stream")


async def _reports(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield b"data: " + orjson.dumps(_report(orjson.loads(line))) + b"\n\n"


def _report(fields: dict[str, Any]) -> dict[str, Any]:
    if "ok" in fields:
        if fields["ok"]:
            return {"share": 100, "text": f"{fields['head']} events agree ✓", "done": True}
        named = ", ".join(f"{v['view']} {v['orderId'] or ''}" for v in fields["views"])
        text = f"✗ {fields['position'] or '–'} {fields['reason'] or ''} {named}"
        return {"share": 100, "text": text, "done": True}
    share = round(100 * fields["done"] / max(1, fields["total"]))
    return {"share": share, "text": f"{share} % · {fields['done']}", "done": False}


ROUTES = [
    ("/admin/-/system", get_system, ["GET"]),
    ("/admin/-/system/verification", get_verification, ["GET"]),
]
