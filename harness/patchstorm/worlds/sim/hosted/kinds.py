"""What ``app`` names, and how it is served: aiohttp, ASGI, WSGI, a factory of one, or what listens itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Literal

from patchstorm.errors import TargetError
from patchstorm.worlds.sim.hosted.connection import HOST, PORT
from patchstorm.worlds.sim.hosted.process import HostedProcess

Kind = Literal["aiohttp", "asgi", "wsgi", "listens", "factory"]
WHAT: Final = (
    "an aiohttp Application, an ASGI or WSGI application, a function that makes one of these, or a "
    "coroutine function that listens"
)


def serve(process: HostedProcess, app: Any) -> None:
    """Serve ``app`` as what it is, in the current task, until the process dies."""
    kind = kind_of(app)
    if kind == "factory":
        made = app()
        if made is None and process.listened:
            return  # what it began goes on in threads
        if made is None:
            raise TargetError(
                f"the function {_called(app)} returned and listens nowhere; `simulate.app` has to name "
                f"{WHAT}."
            )
        if inspect.isawaitable(made):
            _run(lambda: _awaited(made))
            return
        app, kind = made, kind_of(made)
    if kind == "wsgi":
        from patchstorm.worlds.sim.hosted.wsgi import listen

        listen(process, app)
    elif kind == "asgi":
        _run(lambda: _asgi(app))
    elif kind == "aiohttp":
        _run(lambda: _aiohttp(app))
    else:
        _run(app)


def kind_of(app: Any) -> Kind:
    """Which of the interfaces ``app`` has. TargetError for none of them."""
    if any(kind.__module__.startswith("aiohttp.web") for kind in type(app).__mro__):
        return "aiohttp"
    if callable(app):
        needed = _needed(app)
        if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(_call_of(app)):
            if needed in {0, 3}:
                return "asgi" if needed else "listens"
        elif needed == 0 and (inspect.isroutine(app) or inspect.isclass(app)):
            return "factory"
        elif needed == 2:
            return "wsgi"
    raise TargetError(f"`simulate.app` names {app!r}, which is not {WHAT}.")


def _call_of(app: Any) -> Any:
    return getattr(type(app), "__call__", None)  # noqa: B004 - it is looked at, not called


def _needed(app: Any) -> int:
    """How many arguments it cannot do without."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return -1
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in plain and one.default is one.empty for one in parameters)


def _called(app: Any) -> str:
    return getattr(app, "__qualname__", repr(app))


def _run(main: Callable[[], Awaitable[Any]]) -> None:
    """Run a loop until the process dies; what ``main`` raises is raised here."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_served(main))
    loop.run_forever()


def wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """What ``asyncio.run`` does once its program has ended, so that each task's ``finally`` is run."""
    with suppress(SystemExit):  # one more of them changes nothing
        asyncio.runners._cancel_all_tasks(loop)  # type: ignore[attr-defined]
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())


async def _served(main: Callable[[], Awaitable[Any]]) -> None:
    await main()


async def _awaited(made: Any) -> None:
    await made


async def _aiohttp(app: Any) -> None:
    from aiohttp import web

    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, PORT).start()


async def _asgi(app: Any) -> None:
    """uvicorn's own protocol and lifespan, without its sockets and its clock that ticks."""
    try:
        import uvicorn
        from uvicorn.server import ServerState
    except ImportError:
        raise TargetError(
            "an ASGI application is served by uvicorn, which this Python does not have. Install it: "
            "pip install uvicorn"
        ) from None
    config = uvicorn.Config(
        app, log_config=None, access_log=False, http="h11", ws="none", lifespan="auto"
    )
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise TargetError("the application's lifespan ended before it came up")
    state = ServerState()
    loop = asyncio.get_running_loop()
    made: Any = config.http_protocol_class  # its type says no more than asyncio.Protocol

    def protocol() -> Any:
        return made(config=config, server_state=state, app_state=lifespan.state, _loop=loop)

    await loop.create_server(protocol, HOST, PORT)
