"""Hooks' endpoints in a process of their own: the path says how they answer, and all is counted.

`/failing…` says 500, `/silent…` says nothing, the others say 200 after a while. `/arrivals` says
when each order's first notification came, in seconds since 1970.
"""

import asyncio
import json
import sys
import time

from aiohttp import web

HOSTS = [f"127.0.{2 + number // 250}.{1 + number % 250}" for number in range(1_000)]
"""Besides 127.0.0.1, so that a thousand endpoints are a thousand hosts."""


async def serve(seconds: float) -> None:
    arrivals: dict[str, float] = {}

    async def fields(request: web.Request) -> web.Response:
        now, notification = time.time(), json.loads(await request.read())
        match request.match_info["hook"].partition("-")[0]:
            case "failing":
                return web.Response(status=500)
            case "silent":
                await asyncio.sleep(3_600)
        arrivals.setdefault(notification.get("OrderId", ""), now)
        await asyncio.sleep(seconds)
        return web.Response()

    async def result(_: web.Request) -> web.Response:
        return web.json_response(arrivals)

    application = web.Application()
    application.router.add_get("/arrivals", result)
    application.router.add_post("/{hook}", fields)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    port = runner.addresses[0][1]
    assert runner.server
    more = await asyncio.get_running_loop().create_server(runner.server, HOSTS, port)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    async with more:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
