"""Chance: every number that would come from the machine comes from the process that asks for it."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from typing import Any

from patchstorm.worlds.sim.hosted.here import current

Call = Callable[..., Any]
Replace = Callable[[Any, str, Call], None]
NODE = 0x02_00_00_00_00_01
"""What a simulated host has for a hardware address: one of the locally administered ones."""


def install(replace: Replace) -> None:
    replace(os, "urandom", _sent(os.urandom, lambda process, size: process.urandom(size)))
    if hasattr(os, "getrandom"):
        replace(
            os, "getrandom", _sent(os.getrandom, lambda process, size, *_: process.urandom(size))
        )
    shared: Any = random._inst
    for name in dir(shared):
        known: Any = getattr(random, name, None)
        if not name.startswith("_") and getattr(known, "__self__", None) is shared:
            replace(random, name, _of_process(known, name))
    random.Random.seed = _seeding(random.Random.seed)  # type: ignore[method-assign]
    replace(uuid, "getnode", _sent(uuid.getnode, lambda process: NODE))
    replace(uuid, "uuid1", _counted(uuid.uuid1))


def _sent(real: Call, answer: Call) -> Call:
    def call(*args: Any, **named: Any) -> Any:
        process = current()
        return real(*args, **named) if process is None else answer(process, *args, **named)

    return call


def _of_process(real: Call, name: str) -> Call:
    def call(*args: Any, **named: Any) -> Any:
        process = current()
        return (real if process is None else getattr(process.random, name))(*args, **named)

    call.__name__ = name
    return call


def _seeding(real: Call) -> Call:
    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        process = current()
        if a is None and process is not None and type(self) is not random.SystemRandom:
            a = int.from_bytes(process.urandom(16), "big")
        real(self, a, version)

    return seed


def _counted(real: Call) -> Call:
    """``uuid1`` keeps the last time it gave out, which belongs to one process and not to an interpreter."""

    def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        process = current()
        if process is None:
            made: uuid.UUID = real(node, clock_seq)
            return made
        module: Any = uuid
        kept = module._last_timestamp, module._generate_time_safe
        module._last_timestamp, module._generate_time_safe = process.last_uuid_ns, None
        try:
            made = real(node, clock_seq)
            process.last_uuid_ns = module._last_timestamp
        finally:
            module._last_timestamp, module._generate_time_safe = kept
        return made

    return uuid1
