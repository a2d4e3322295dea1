"""The small server on Starlette; its calls to the store run on anyio's threads."""

import anyio.to_thread
import store
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


async def create(request):
    return await answer(
        store.create, request.headers["Upload-Length"], request.headers["Upload-Metadata"]
    )


async def one(request):
    ident = request.path_params["ident"]
    if request.method == "HEAD":
        return await answer(store.look, ident)
    body = await request.body()
    return await answer(store.append, ident, int(request.headers["Upload-Offset"]), body)


async def answer(call, *args):
    status, headers = await anyio.to_thread.run_sync(call, *args)
    return Response(status_code=status, headers=headers)


app = Starlette(
    routes=[
        Route("/files", create, methods=["POST"]),
        Route("/files/{ident}", one, methods=["HEAD", "PATCH"]),
    ]
)
