"""A hook's endpoint in a process of its own: answers 200 after a while, and counts."""

import asyncio
import sys

from aiohttp import web


async def serve(seconds: float) -> None:
    counts: dict[str, int] = {}

    async def told(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        counts[request.path] = counts.get(request.path, 0) + 1
        return web.Response()

    async def counted(_: web.Request) -> web.Response:
        return web.json_response(counts)

    application = web.Application()
    application.router.add_get("/counts", counted)
    application.router.add_post("/{hook}", told)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
