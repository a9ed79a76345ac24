"""Partners outside in a process of their own: the path says who they are and how they answer.

`/silent…` says nothing, the others answer 200 with an id of the order after a while. `/arrivals`
says when each order was first placed there, in seconds since 1970.
"""

import asyncio
import json
import sys
import time

from aiohttp import web


async def serve(seconds: float) -> None:
    arrivals: dict[str, float] = {}

    async def answer(request: web.Request) -> web.Response:
        now, body = time.time(), json.loads(await request.read())
        if request.match_info["party"].startswith("silent"):
            await asyncio.sleep(3_600)
        if isinstance(body, list):
            arrivals.setdefault(body[0]["marketplaceOrderId"], now)
        await asyncio.sleep(seconds)
        return web.json_response({"orderId": "1"})

    async def result(_: web.Request) -> web.Response:
        return web.json_response(arrivals)

    application = web.Application()
    application.router.add_get("/arrivals", result)
    application.router.add_post("/{party}/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
