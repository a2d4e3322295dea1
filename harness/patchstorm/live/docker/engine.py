"""The Docker daemon, as far as this world needs it: a thin, typed cover over the SDK.

Calls are synchronous and may take a second; :func:`call` runs one beside the event loop and never
leaves it half done. Errors of the daemon are :class:`EngineError` with what it said.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from patchstorm.errors import InconclusiveError, UsageError
from patchstorm.live.docker.labels import RUN

P = ParamSpec("P")
R = TypeVar("R")
PATIENCE_S = 60
STOP_S = 10
CONNECTIONS_MAX = 64
MISSING = "the Docker SDK for Python is not installed; pip install 'patchstorm[containers]'"
NO_DAEMON = (
    "no Docker daemon answers{why}; start one (`apt-get install docker.io`, then `dockerd`), be in the "
    "group `docker` or root, or set DOCKER_HOST"
)


class EngineError(InconclusiveError):
    """The daemon refused or failed."""


class Gone(EngineError):
    """What was asked about is not there, or no longer."""


class Engine:
    """One connection to a daemon. Safe to use from several threads."""

    def __init__(self, api: Any) -> None:
        self.api = api

    def info(self) -> dict[str, Any]:
        with told():
            found: dict[str, Any] = self.api.info()
            return found

    def image_id(self, image: str) -> str | None:
        """The id of an image that is here; None if it is not."""
        try:
            with told():
                return str(self.api.inspect_image(image)["Id"])
        except Gone:
            return None

    def create(self, image: str, **config: Any) -> str:
        """Create a container and return its id."""
        host = config.pop("host")
        with told():
            made = self.api.create_container(
                image, host_config=self.api.create_host_config(**host), **config
            )
            return str(made["Id"])

    def inspect(self, container: str) -> dict[str, Any]:
        with told():
            found: dict[str, Any] = self.api.inspect_container(container)
            return found

    def run(self, container: str, command: list[str]) -> tuple[int, str]:
        """Run ``command`` as root in a running container: its exit code and what it said."""
        with told():
            made = self.api.exec_create(container, command, user="0")
            said = self.api.exec_start(made["Id"])
            code = self.api.exec_inspect(made["Id"])["ExitCode"]
            return int(code), said.decode("utf-8", "replace").strip()

    def labelled(self, run: str | None = None) -> list[tuple[str, str, dict[str, str]]]:
        """Everything with our label, of ``run`` or of any: kind, id or name, and labels."""
        filters = {"label": RUN if run is None else f"{RUN}={run}"}
        with told():
            found = [
                ("container", one["Id"], one["Labels"])
                for one in self.api.containers(all=True, filters=filters)
            ]
            found += [
                ("network", one["Id"], one["Labels"]) for one in self.api.networks(filters=filters)
            ]
            volumes = self.api.volumes(filters=filters)["Volumes"] or []
            return found + [("volume", one["Name"], one["Labels"] or {}) for one in volumes]

    def stop(self, container: str) -> None:
        """Have its program end by itself; nothing if it is gone, and by force where it does not."""
        with contextlib.suppress(Gone), told():
            self.api.stop(container, timeout=STOP_S)

    def remove(self, kind: str, ident: str) -> None:
        """Remove a thing of that kind, running or not; nothing if it is gone."""
        with contextlib.suppress(Gone), told():
            if kind == "container":
                self.api.remove_container(ident, force=True, v=True)
            elif kind == "network":
                self.api.remove_network(ident)
            else:
                self.api.remove_volume(ident, force=True)


def engine() -> Engine:
    """The daemon that DOCKER_HOST names, or the machine's own.

    Raises UsageError where the SDK is missing and EngineError where no daemon answers.
    """
    if importlib.util.find_spec("docker") is None:
        raise UsageError(f"containers: {MISSING}")
    import docker

    try:
        options = docker.utils.kwargs_from_env()
        found = docker.APIClient(
            version="auto", timeout=PATIENCE_S, num_pools=CONNECTIONS_MAX, **options
        )
    except docker.errors.DockerException as error:
        found_why = re.search(r"[A-Z]\w+Error\(\d+, '([^']+)'", str(error))
        why = found_why[1].lower() if found_why else str(error)
        raise EngineError(NO_DAEMON.format(why=f" ({why})")) from None
    return Engine(found)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of the SDK as errors that a person can read."""
    import docker
    import requests

    try:
        yield
    except docker.errors.NotFound as error:
        raise Gone(str(error.explanation or error)) from None
    except docker.errors.APIError as error:
        raise EngineError(f"Docker: {error.explanation or error}") from None
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineError(f"Docker: {error}") from None


async def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """``function`` in a thread. Cancelled, it first waits for the end: nothing is left half made."""
    task = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.wait({task}))
        task.exception()  # seen, and of no interest any more
        raise
