"""What a service is: a program that all replicas share and talk to over connections, such as Redis.

A service is made of two small classes and touches nothing real. It is run in a process of its own, so
clocks, chance, threads and locks are simulated, and each of its requests is one step of the schedule.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Protocol

from patchstorm.errors import UsageError

Push = Callable[[bytes], None]
"""Sends what nobody asked for, such as a message to a subscriber."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``says`` is for stories, and what a fault's ``to`` is looked for in.

    ``run`` carries it out and gives the reply as bytes; it may wait, as threads do. ``reads`` and
    ``writes`` are the objects that it touches, by names of the service's own: two requests conflict where
    both touch one and either changes it.
    """

    says: str
    run: Callable[[], bytes]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Session(Protocol):
    """One connection, seen from the service."""

    def read(self, data: bytes) -> Iterable[Asked]:
        """The requests that ``data`` completes; what is left is kept. ValueError ends the connection."""

    def told(self, reply: bytes) -> str:
        """``reply`` in a few words."""

    def close(self) -> None:
        """The other side has left, or the service dies."""


class Service(Protocol):
    """A service with what it holds; one that lost everything is made anew."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def session(self, push: Push) -> Session:
        """Somebody has connected."""

    def restart(self) -> None:
        """Its process has ended and begins again: what is kept in memory alone is gone, data are not."""

    def flush(self) -> None:
        """Drop all data and go on."""

    def expire(self) -> int:
        """End every lease that was given, now; how many there were."""


Make = Callable[[], Service]
BUNDLED: Final = {
    "redis": "patchstorm.worlds.sim.hosted.keyvalue:Redis",
    "valkey": "patchstorm.worlds.sim.hosted.keyvalue:Valkey",
}
"""The services that have a name. Any other is ``MODULE:NAME``, which makes one when it is called."""
_NEEDED: Final = ("fakeredis", "lupa")


def check_service(name: str) -> None:
    """UsageError where a bundled service lacks a package."""
    missing = [one for one in _NEEDED if name in BUNDLED and find_spec(one) is None]
    if missing:
        import sys

        raise UsageError(
            f"the service {name} is simulated with {' and '.join(_NEEDED)}, and this Python, "
            f"{sys.executable}, has no {' and no '.join(missing)}. Install them: "
            f"{sys.executable} -m pip install 'patchstorm[services]'"
        )


def maker(name: str) -> Make:
    """What makes the service that a target's file calls so."""
    place, _, attribute = BUNDLED.get(name, name).partition(":")
    make: Make = getattr(importlib.import_module(place), attribute)
    return make
