"""Whole schedules: the reference is safe where it claims to be, the variants are convicted, runs repeat."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign import explore as exploring
from patchstorm.campaign.explore import explore
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.ran import replayed, run_and_judge
from patchstorm.campaign.schedules import MIXED, Search, Session
from patchstorm.campaign.simulated import check_determinism, replay, shrink_file
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.strategy import Dull
from patchstorm.errors import NondeterminismError, UsageError
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import ChunkstoreApp, Subject, subject_of
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.workers import Workers

from .conftest import small_plan

pytestmark = pytest.mark.usefixtures("reports_end_with_the_test")
STORMS = (
    "replaying", "conflicting", "crash-committing", "rivals", "pause", "partition", "disk-full",
    "unattended-crash", "terminating", "zero-bytes", "damage", "lost-replies", "bad-weather",
)  # fmt: skip


@pytest.mark.parametrize("storm", STORMS)
def test_the_reference_is_safe_on_tmpfs(storm: str) -> None:
    explored = explore(storm, "reference", seed=3, schedules=6, jobs=1, storage="tmpfs")
    assert explored.report.findings == ()
    assert explored.report.verdict in ("safe", "unknown")
    assert explored.report.schedules == 6


@pytest.mark.parametrize("storage", ["ext4", "worst-posix", "nfs3", "nfs4", "nfs4,noac"])
@pytest.mark.parametrize("storm", ["replaying", "overlapping", "crash-assembling"])
def test_the_reference_is_safe_on_every_flavour(storm: str, storage: str) -> None:
    explored = explore(storm, "reference", seed=4, schedules=4, jobs=1, storage=storage)
    assert explored.report.findings == ()


@pytest.mark.parametrize("storage", ["ext4", "xfs", "worst-posix", "nfs4"])
def test_acknowledged_bytes_survive_power_loss_at_many_steps(storage: str) -> None:
    explored = explore(
        "power-loss", "reference", seed=5, schedules=30, jobs=1, storage=storage,
        strategy="crash-points",
    )  # fmt: skip
    assert explored.report.findings == ()


def test_two_appenders_are_convicted_on_tmpfs(tmp_path: Path) -> None:
    explored = explore(
        "replaying", "reference:append", seed=1, schedules=200, jobs=1, out_dir=tmp_path,
        minimise=False,
    )  # fmt: skip
    assert explored.report.verdict == "violated"
    assert {"bytes", "linearizable"} & {one.checker for one in explored.report.findings}


def test_the_unrefreshed_store_is_convicted_on_nfs4_and_not_accused_on_tmpfs() -> None:
    target = "reference:rename-unrefreshed"
    on_nfs = explore(
        "replaying", target, seed=1, schedules=200, jobs=1, storage="nfs4", minimise=False
    )
    assert on_nfs.report.verdict == "violated"
    assert on_nfs.report.schedules < 200
    on_tmpfs = explore("replaying", target, seed=1, schedules=20, jobs=1, storage="tmpfs")
    assert on_tmpfs.report.verdict == "safe"


def test_what_the_storage_does_not_give_is_not_claimed() -> None:
    skipped = explore("power-loss", "reference", schedules=3, jobs=1, storage="tmpfs")
    assert skipped.report.verdict is None
    assert "not claimed" in (skipped.report.skipped or "")
    judged = explore(
        "power-loss", "reference", schedules=3, jobs=1, storage="tmpfs", claimed_only=False,
        minimise=False,
    )  # fmt: skip
    assert judged.report.verdict is not None


def test_a_storm_that_takes_locks_away_is_not_claimed() -> None:
    explored = explore("lock-loss", "reference", schedules=2, jobs=1)
    assert explored.report.verdict is None
    assert "exclusive-locks" in (explored.report.skipped or "")


def test_a_storm_that_names_no_storage_runs_on_all_that_the_target_claims() -> None:
    session = Session.of(Search(scenario=load("replaying"), target="reference"))
    drawn = {session.plan(index).storage for index in range(7)}
    assert drawn == {"tmpfs", "nfs4", "ext4", "nfs3"}
    needy = msgspec.structs.replace(session.subject.target, needs=("coherent-rename",))
    session = Session(session.search, dataclasses.replace(session.subject, target=needy))
    assert "nfs4" not in {session.plan(index).storage for index in range(7)}


def test_every_member_of_the_portfolio_runs_on_every_flavour() -> None:
    session = Session.of(Search(scenario=load("crash-committing"), target="reference"))
    met = {(session.strategy_name(index), session.plan(index).storage) for index in range(1, 65)}
    members = {member for member, _ in met}
    assert {"random-walk", "pct", "pos", "standing", "crash-sampled"} <= members
    assert met == {(member, flavour) for member in members for flavour in MIXED}


def test_a_storm_that_names_several_storages_takes_those_that_the_target_claims() -> None:
    session = Session.of(Search(scenario=load("power-loss"), target="reference"))
    drawn = {session.plan(index).storage for index in range(16)}
    assert {"ext4", "nfs4"} <= drawn <= set(session.search.scenario.fleet.storages)
    assert "nfs3" not in drawn, "there the locks of a host that lost power stay"
    for index in range(16):
        on_nfs = (session.plan(index).storage or "").startswith("nfs")
        assert session.hints(index).power_host == on_nfs


def test_a_failure_replays_bit_for_bit_from_its_file(tmp_path: Path) -> None:
    explored = explore(
        "replaying", "reference:append", seed=1, schedules=200, jobs=1, out_dir=tmp_path,
        minimise=False,
    )  # fmt: skip
    failure = read_failure(explored.failures[0])
    again = replay(failure)
    assert again.reproduced
    assert again.exact
    assert again.story == failure.story
    assert any(line.startswith("->") for line in failure.story)
    small = shrink_file(explored.failures[0], tmp_path / "small" / "small.json")
    assert replay(read_failure(tmp_path / "small" / "small.json")).exact
    assert len(small.schedule) <= len(failure.schedule or ())


def test_a_schedule_of_another_release_is_refused(tmp_path: Path) -> None:
    explored = explore(
        "replaying", "reference:append", seed=1, schedules=200, jobs=1, out_dir=tmp_path,
        minimise=False,
    )  # fmt: skip
    path = explored.failures[0]
    schedule = read_failure(path).schedule
    assert schedule is not None
    text = path.read_text()
    at = text.index('"schedule"')
    old = text[at:].replace(f'"version": {schedule.version}', '"version": 0', 1)
    path.write_text(text[:at] + old)
    with pytest.raises(UsageError, match="release"):
        read_failure(path)


def test_the_digest_does_not_depend_on_the_number_of_jobs() -> None:
    one = explore("replaying", "reference", seed=9, schedules=12, jobs=1)
    two = explore("replaying", "reference", seed=9, schedules=12, jobs=2)
    assert one.report.digest == two.report.digest
    assert one.coverage == two.coverage


def test_runs_repeat_under_other_hash_seeds() -> None:
    assert check_determinism("replaying", count=3) == 3


def test_watching_does_not_change_a_run(reference: Subject, workers: Workers) -> None:
    for storage in ("tmpfs", "nfs4"):
        plan = small_plan(reference, storage=storage)
        plain = run_and_judge(plan, reference, RandomWalk(Prng(5)), workers)
        watched = run_and_judge(plan, reference, RandomWalk(Prng(5)), workers, watched=True)
        assert plain.digest == watched.digest
        assert plain.outcome.choices == watched.outcome.choices


@pytest.mark.parametrize("strategy", ["random-walk", "pct", "pos", "standing", "delay-bounded"])
def test_what_was_recorded_replays_to_the_same_history(strategy: str) -> None:
    for storage in ("tmpfs", "nfs4"):
        session = Session.of(
            Search(
                scenario=load("replaying"), target="reference", seed=2, strategy=strategy,
                storage=storage,
            )
        )  # fmt: skip
        for index in range(3):
            ran = session.recorded(index)
            again = replayed(ran.plan, session.subject, ran.schedule, session.workers)
            assert again.digest == ran.digest


class _Leaky(ChunkstoreApp):
    """A store whose behaviour depends on what earlier runs left behind."""

    calls = 0

    def exchange(self, method, path, headers):  # type: ignore[no-untyped-def]
        type(self).calls += 1
        if type(self).calls % 7 == 0:
            self.store.files.port.sleep(0.001 * (type(self).calls % 11))
        return super().exchange(method, path, headers)


def test_a_store_that_keeps_state_between_runs_is_named_as_a_leak(
    reference: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functools import partial

    from chunkstore.protocol import Exchange
    from chunkstore.store import Store
    from patchstorm.campaign import schedules as running

    monkeypatch.setattr(running, "TWICE_IN", 1)
    session = Session.of(Search(scenario=load("replaying"), target="reference", seed=1))
    session.subject = Subject(target=reference.target, build=partial(_Leaky, Store, Exchange))
    with pytest.raises(NondeterminismError, match="did not repeat"):
        for index in range(5):
            session.tell(index)


def test_long_runs_work_and_virtual_time_flies(reference: Subject, workers: Workers) -> None:
    plan = small_plan(reference, size=768)
    long = explore("many", "reference", seed=1, schedules=1, jobs=1)
    assert long.report.steps > 10_000
    outcome = run_schedule(
        small_plan(reference, more='[[fault]]\nkind = "pause"\nwhom = "all"\nfor = "30s"\n'),
        reference, Dull(), workers,
    )  # fmt: skip
    assert outcome.virtual_ns > 10_000_000_000
    assert plan.uploads[0].size == 768


def test_a_storm_that_never_gets_there_is_unknown() -> None:
    explored = explore(
        "crash-publishing", "reference", seed=1, schedules=1, jobs=1, strategy="crash-points"
    )
    assert explored.report.verdict in ("safe", "unknown")


def test_collecting_keeps_one_failure_of_each_cause(tmp_path: Path) -> None:
    explored = explore(
        "replaying", "reference:append", seed=1, schedules=12, jobs=1, collect=True,
        out_dir=tmp_path, minimise=False,
    )  # fmt: skip
    assert explored.report.schedules == 12
    assert len(explored.failures) >= 1
    assert len({path.parent for path in explored.failures}) == len(explored.failures)


def test_ctrl_c_ends_a_search_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(progress: exploring.Progress) -> None:
        if progress.schedules == 3:
            raise KeyboardInterrupt

    explored = explore("replaying", "reference", schedules=50, jobs=1, progress=interrupt)
    assert explored.interrupted
    assert explored.report.schedules == 3


def test_a_target_that_is_no_python_store_is_refused() -> None:
    from patchstorm.dialect.wire import Wire
    from patchstorm.target.model import Start, Target

    other = Target(
        name="other", capabilities=(), start=Start(command=("tusd",)), wire=Wire(path="/files")
    )
    with pytest.raises(UsageError, match="in the world processes"):
        subject_of(other)
    assert subject_of(resolve("reference:append")).target.name == "reference:append"
