"""Faults in virtual time: each begins, is over and leaves a fleet that serves; nobody sound is accused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patchstorm import api
from patchstorm.choice.strategy import Dull
from patchstorm.history.events import Fault, Sighting
from patchstorm.scenario.faults import FAULTS, within
from patchstorm.scenario.options import options_of
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse import injection as fuse_injection
from patchstorm.worlds.sim import injection as sim_injection
from patchstorm.worlds.sim import run as sim_run
from patchstorm.worlds.sim.abilities import Abilities
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.replica import Replica
from patchstorm.worlds.sim.workers import Workers

from .hosted.running import SERVERS, needs

STORM = """
title = "One fault"
why = "Tests."
policy = "{policy}"
[fleet]
replicas = 2
[[upload]]
count = 2
size = "64KiB"
chunk = "16KiB"
[[client]]
kind = "many"
at_once = 2
[[fault]]
kind = "{kind}"
when = {{ after_bytes = "{at}" }}
"""


def storm(kind: str, at: str = "32KiB") -> api.Scenario:
    policy = "hostile" if FAULTS[kind].hostile else "polite"
    return api.parse_scenario(STORM.format(kind=kind, at=at, policy=policy))


@pytest.mark.parametrize("kind", sorted(within(Abilities)))
def test_every_fault_of_the_simulator_strikes_and_is_over(kind: str, tmp_path: Path) -> None:
    storage = "nfs4" if FAULTS[kind].needs_server else "ext4"
    target = "reference"
    if FAULTS[kind].needs_companion:
        needs("fakeredis", "lupa", "redis")
        target = str(SERVERS / "fenced_aiohttp.toml")

    ran = api.run(storm(kind), target, world="sim", storage=storage, out_dir=tmp_path)

    assert ran.history is not None, ran.report.skipped
    struck = [event for event in ran.history.events if isinstance(event, Fault)]
    begun = {event.replica for event in struck if not event.ends}
    assert begun == {event.replica for event in struck if event.ends}
    assert {event.fault for event in struck} == {kind}
    assert ran.report.verdict != "violated" or FAULTS[kind].hostile, ran.report


@pytest.mark.parametrize("kind", ["restart", "rolling-restart"])
def test_who_was_still_asked_to_stop_when_healing_began_serves_again(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving: list[list[bool]] = []

    class Watched(Abilities):
        def heal(self) -> None:
            fleet: list[Replica] = self._replicas
            serving.append([replica.serves for replica in fleet])
            super().heal()
            serving.append([replica.serves for replica in fleet])

    monkeypatch.setattr(sim_run, "Abilities", Watched)
    target = resolve("reference")
    for index in range(20):
        plan = api.draw_plan(storm(kind, at="130000..131072"), target, index=index, storage="tmpfs")
        sim_run.run_schedule(plan, subject_of(target), Dull(), Workers())

    assert [False, True] in serving[::2] or [True, False] in serving[::2]
    assert serving[1::2] == [[True, True]] * 20


def test_what_a_call_put_there_whose_reply_got_lost_is_seen_when_it_is_there(
    tmp_path: Path,
) -> None:
    ran = api.run(
        api.load_scenario("lost-replies-replacing"), "reference", world="sim", seed=1,
        out_dir=tmp_path,
    )  # fmt: skip

    assert ran.history is not None
    events = ran.history.events
    struck = next(one for one in events if isinstance(one, Fault) and one.path == "wanted.bin")
    seen = [one for one in events if isinstance(one, Sighting) and one.time_ns > struck.time_ns]
    first = seen[: len(ran.history.header.uploads)]
    told = [one.end.time_ns for one in ran.history.operations if one.end and one.end.offset]
    assert ran.report.verdict == "safe"
    assert not any(one.present for one in first)  # that is how it was until then
    assert all(one.present for one in seen[len(first) :])
    assert seen[len(first)].time_ns < min(at for at in told if at > struck.time_ns)


@pytest.mark.parametrize("world", [sim_injection, fuse_injection])
@pytest.mark.parametrize(
    "kind",
    [kind for kind, row in FAULTS.items() if "of" in options_of(row.options) and row.of_calls],
)
def test_every_word_for_calls_hits_some_that_the_fault_can_fail(
    kind: str, world: ModuleType
) -> None:
    words = set(options_of(FAULTS[kind].options)["of"].words) - {"any"}
    assert words
    assert all(set(world.OF[word]) & set(world.INJECTED[kind]) for word in words)


@pytest.mark.parametrize("of", ["rename", "link", "sync", "open", "stat", "list", "unlink"])
def test_only_calls_that_do_what_the_fault_names_fail(of: str) -> None:
    text = STORM.format(kind="eio", at="0B", policy="polite") + f'of = "{of}"\nwhom = "all"\n'
    hit: list[str] = []

    class Noted(sim_injection.Injections):
        def before(
            self, replica: int, call: str, path: str, execute: Callable[[], Any]
        ) -> Callable[[], Any] | None:
            substitute = super().before(replica, call, path, execute)
            if substitute is not None:
                hit.append(call)
            return substitute

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim_run, "Injections", Noted)
        ran = api.run(api.parse_scenario(text), "reference", world="sim", storage="nfs4")

    assert ran.report.verdict == "safe", ran.report
    assert hit
    assert set(hit) <= set(sim_injection.OF[of])
