"""Times in which nothing of a replica is held: they overlap, and what comes in them is answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.ground import lay_by
from patchstorm.worlds.fuse.loop import Selector
from patchstorm.worlds.fuse.member import Held, Member


class Recording:
    """A device and the bridge over it: everything succeeds, and who was answered is written down."""

    def __init__(self) -> None:
        self.answered: list[Any] = []

    def reply(self, request: Any, _: bytes = b"") -> None:
        self.answered.append(request)

    def execute(self, _: Any) -> bytes:
        return b""


def conducting() -> tuple[Conductor, Member, Recording]:
    clock, one = ManualClock(0), Recording()
    server = Server("tmpfs", clock=clock)
    conductor = Conductor(server, clock, Selector(), Chains(None))
    member = Member(0, server, one, one)  # type: ignore[arg-type]
    member.conducted = True
    conductor.members.append(member)
    return conductor, member, one


def asked(member: Member) -> Held:
    request: Any = SimpleNamespace(op=0, called="")
    return Held(member, request, SimpleNamespace(changes=False), "r0 stat . 0")  # type: ignore[arg-type]


def test_time_that_is_real_for_two_reasons_is_so_until_both_are_over() -> None:
    async def overlapping() -> list[bool]:
        conductor, member, _ = conducting()
        first, second = conductor.real(member), conductor.real(member)
        seen = [member.free]
        await first.__aenter__()
        await second.__aenter__()
        seen.append(member.free)
        await first.__aexit__(None, None, None)
        seen.append(member.free)
        await second.__aexit__(None, None, None)
        return [*seen, member.free]

    assert asyncio.run(overlapping()) == [False, True, True, False]


def test_what_comes_after_the_last_look_of_a_storm_is_answered_all_the_same() -> None:
    """The next storm has another conductor, and a call that nobody answers holds its thread for ever."""
    conductor, member, device = conducting()
    late = asked(member)

    def idle(_: Member) -> bool:
        if late not in conductor._held:
            conductor._held.append(late)
        return True

    conductor.idle = idle  # type: ignore[method-assign]
    ground: Any = SimpleNamespace(storms=0, fit=False)
    history: Any = SimpleNamespace(events=(), operations=())
    fleet: Any = SimpleNamespace(replicas=[None])
    asyncio.run(lay_by(conductor, ground, fleet, history))
    assert ground.fit
    assert device.answered == [late.request]


def test_a_run_that_is_given_up_holds_nobody_any_more() -> None:
    conductor, member, device = conducting()
    conductor._held.append(held := asked(member))
    conductor._give_up(RuntimeError("it cannot go on"))
    conductor.serve_free()
    assert member.free
    assert device.answered == [held.request]
