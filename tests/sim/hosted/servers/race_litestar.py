"""The small server on Litestar."""

import asyncio

import store
from litestar import Litestar, Request, Response, head, patch, post


@post("/files")
async def create(request: Request) -> Response[None]:
    return answer(
        store.create(request.headers["Upload-Length"], request.headers["Upload-Metadata"])
    )


@head("/files/{ident:str}")
async def look(ident: str) -> Response[None]:
    return answer(await asyncio.to_thread(store.look, ident))


@patch("/files/{ident:str}")
async def append(ident: str, request: Request) -> Response[None]:
    body = await request.body()
    at = int(request.headers["Upload-Offset"])
    return answer(await asyncio.to_thread(store.append, ident, at, body))


def answer(found):
    status, headers = found
    return Response(content=None, status_code=status, headers=headers)


app = Litestar([create, look, append], openapi_config=None)
