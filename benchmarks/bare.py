"""The baseline of reads: a bare Starlette route that answers stored bytes, by the same server.

`python -m benchmarks.bare PORT FOLDER`: `/NAME` answers the file NAME of the folder.
"""

import os
import sys
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_ANSWERS = "OMS_BENCHMARK_ANSWERS"


def create() -> Starlette:
    """One route `/NAME` that answers the file NAME of the folder."""
    folder = Path(os.environ[_ANSWERS])
    bodies = {file.name: file.read_bytes() for file in folder.iterdir()}

    async def stored(request: Request) -> Response:
        return Response(bodies[request.path_params["name"]], media_type="application/json")

    return Starlette(routes=[Route("/{name}", stored, methods=["GET", "POST"])])


if __name__ == "__main__":
    os.environ[_ANSWERS] = sys.argv[2]
    Granian(
        "benchmarks.bare:create",
        factory=True,
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.warning,
        http1_settings=HTTP1Settings(pipeline_flush=True),
    ).serve()
