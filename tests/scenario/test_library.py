"""The shipped storms: all can be read, say what they are for, run against a correct server, get there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from patchstorm import api
from patchstorm.errors import UsageError
from patchstorm.scenario import library
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.faults import FAULTS, TRIGGERS, within
from patchstorm.scenario.reach import reached
from patchstorm.scenario.runnable import runnable
from patchstorm.scenario.schema import parse
from patchstorm.scenario.words import PHASES
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.target.registry import resolve
from patchstorm.worlds.registry import all_means
from patchstorm.worlds.sim.abilities import Abilities

from .fake import OFFSET_ADDRESSED, SEQUENTIAL, Driver

SHORT = 'title = "t"\nwhy = "w"\n[[upload]]\nsize = 1\n[[client]]\nkind = "many"\n'
SMALL = [one.name for one in library.load_all() if not one.worlds]
"""Whose uploads fit into memory; of the others tests/sim/test_large.py asks."""
NEEDS_A_WORLD = {"fault-struck", "struck-in-flight"}  # the fake fleet has no replica to kill


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("capabilities", [OFFSET_ADDRESSED, SEQUENTIAL], ids=lambda c: c[0])
def test_every_shipped_storm_runs_against_a_correct_server(
    name: str, capabilities: tuple[str, ...]
) -> None:
    scenario = library.load(name)
    for index in range(2):
        plan = draw_plan(scenario, seed=1, index=index, capabilities=capabilities)
        driver = Driver(plan)
        driver.whole_run()

        assert len(driver.operations) < 3000
        assert sum(upload.size for upload in plan.uploads) <= 4 << 20
        for upload in plan.uploads:
            if plan.needs_programs and upload is not plan.uploads[0]:
                continue  # for what a program begins anew, which it need not do
            stored = driver.server.uploads[upload.id]
            finished = stored.published or stored.terminated or plan.closing == "sweeper"
            assert finished or upload.info.expires_ms or upload.info.target == "wanted.bin"


@pytest.mark.parametrize("name", SMALL)
def test_every_shipped_storm_gets_where_it_has_to(name: str) -> None:
    """Of ten seeds' storms each named situation is reached by most, faults of the world aside."""
    scenario = library.load(name)
    histories = []
    for index in range(10):
        driver = Driver(draw_plan(scenario, seed=1, index=index, capabilities=OFFSET_ADDRESSED))
        histories.append(driver.whole_run())

    for reach in set(scenario.reaches) - NEEDS_A_WORLD:
        assert sum(bool(reached(reach, history).met) for history in histories) >= 8, reach


def test_every_workload_is_in_some_storm() -> None:
    assert {client.kind for storm in library.load_all() for client in storm.clients} == set(
        WORKLOADS
    )


def test_a_fault_that_the_simulator_has_not_is_in_some_storm() -> None:
    """Those that it has strike in its own tests, one and all."""
    struck = {fault.kind for storm in library.load_all() for fault in storm.faults}

    assert set(FAULTS) - within(Abilities) - struck == {"local-locks"}


def test_every_storm_says_what_it_is_for() -> None:
    for storm in library.load_all():
        assert not storm.title.endswith(".")
        assert storm.why.endswith(".")
        assert 20 < len(storm.title) < 110 and 40 < len(storm.why) < 200


def test_most_storms_run_with_real_processes() -> None:
    runs = [
        storm.name
        for storm in library.load_all()
        if runnable(storm, "processes", OFFSET_ADDRESSED, all_means(), phases=PHASES) is None
    ]

    assert len(runs) >= 40


def test_a_storm_that_cannot_run_is_skipped_with_the_reason() -> None:
    def reason(name: str, world: str = "processes", **more: object) -> str | None:
        capabilities = more.pop("capabilities", OFFSET_ADDRESSED)
        return runnable(library.load(name), world, capabilities, all_means(), **more)  # type: ignore[arg-type]

    assert reason("parallel") is None
    assert (
        reason("failing-disk") == "enospc can be brought about in sim, fuse only, not in processes"
    )
    assert reason("disk-full") is None
    assert "limited size" in str(reason("disk-full", storage="ext4"))
    assert reason("disk-full", "sim", storage="ext4") is None
    assert "termination" in str(reason("terminating", capabilities=("sequential",)))
    assert "maps nothing to the phase" in str(reason("crash-assembling", phases=("committing",)))
    assert reason("parallel", "moon") == "there is no world moon"


def test_triggers_that_a_world_cannot_see_are_a_reason() -> None:
    head = SHORT + '[[fault]]\nkind = "crash"\n'
    step = parse(head + "when = { step = 3 }\n", name="s", file="s.toml")
    call = parse(head + 'when = { path = "*", op = "link" }\n', name="s", file="s.toml")

    assert "step works in sim, fuse only" in str(runnable(step, "processes", (), all_means()))
    assert "single calls" in str(runnable(call, "nfs", (), all_means()))
    assert runnable(call, "sim", (), all_means()) is None


def test_a_stall_that_outlasts_the_clients_own_patience_is_refused_with_the_remedy() -> None:
    stalls = SHORT.replace('kind = "many"', 'kind = "stalling"\nstall = ["1s", "4s"]')
    storm = parse(stalls, name="s", file="s.toml")

    assert runnable(storm, "sim", (), all_means(), request_ms=4_001) is None
    reason = str(runnable(storm, "sim", (), all_means(), request_ms=4_000))
    assert reason.startswith("client[0].stall: 4000 ms is not below 4000 ms")
    assert reason.endswith(
        "write a shorter stall, or a longer request_ms under [wire] of the target"
    )
    target = resolve("reference")
    wire = msgspec.structs.replace(target.wire, request_ms=2_000)
    assert api.draw_plan(storm, target).clients[0].options["stall_ms"] in (1_000, 4_000)
    with pytest.raises(UsageError, match=r"client\[0\]\.stall"):
        api.draw_plan(storm, msgspec.structs.replace(target, wire=wire))


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_checksums_are_stormed_with_whatever_algorithm_the_target_has(algorithm: str) -> None:
    has = ("sequential", "creation", f"checksum-{algorithm}")
    for name in ("checksums-right", "checksums-wrong", "checksums-malformed"):
        assert runnable(library.load(name), "sim", has, all_means()) is None
        assert "none" in str(runnable(library.load(name), "sim", has[:2], all_means()))
        driver = Driver(draw_plan(library.load(name), seed=1, capabilities=has))
        driver.whole_run()
        sent = [send.request for send in driver.sends]
        named = {one.algorithm for one in sent if one.checksum != "none"}
        assert named - {"nonesuch"} <= {algorithm}
        assert named


def test_every_fault_has_a_world_and_a_trigger() -> None:
    for fault in FAULTS.values():
        assert any(fault.name in means.faults for means in all_means().values()), fault.name
        assert fault.triggers and set(fault.triggers) <= set(TRIGGERS)
        assert fault.aims


def test_an_unknown_storm_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match='did you mean "replaying"'):
        library.load("replayin")


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(SHORT)

    assert library.load(str(own)).name == "own"
    with pytest.raises(UsageError, match="cannot be read"):
        library.load(str(tmp_path / "other.toml"))


def test_an_installed_package_has_its_storms_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel carries them inside the package; there is no checkout beside it."""
    storms = tmp_path / "scenarios"
    storms.mkdir()
    (storms / "only.toml").write_text("")
    monkeypatch.setattr(library.resources, "files", lambda _: tmp_path)
    library._shipped.cache_clear()
    try:
        assert library.names() == ("only",)
    finally:
        library._shipped.cache_clear()
