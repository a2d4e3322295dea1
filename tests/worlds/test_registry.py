"""One table of worlds: whoever is registered there is known everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign.single import run_storm
from patchstorm.choice.schedule import Choice, Schedule
from patchstorm.cli import main
from patchstorm.errors import UsageError
from patchstorm.history.model import Final
from patchstorm.history.recorder import Recorder
from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.run.script import header_of
from patchstorm.scenario import library
from patchstorm.scenario.faults import FAULTS, OF_REQUESTS, TRIGGERS
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.runnable import runnable
from patchstorm.target.model import Target
from patchstorm.worlds.base import Death, World
from patchstorm.worlds.registry import (
    DEFAULT_STORAGE,
    all_means,
    default_worlds,
    forget,
    names,
    register,
    world_of,
)

from .toy import Desert

MIRAGE, OTHER = Choice("camel", 1, "sees", 1, "mirage"), Choice("camel", 2, "drinks", 1, "water")
CAPABILITIES = ("offset-addressed", "creation")


@contextmanager
def registered(world: World) -> Iterator[None]:
    register(world)
    yield
    forget(world.name)


@pytest.fixture
def desert() -> Iterator[Desert]:
    world = Desert()
    with registered(world):
        yield world


@pytest.mark.usefixtures("desert")
def test_a_registered_world_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "worlds"]) == 0
    assert "desert      nobody is there" in capsys.readouterr().out
    assert main(["list", "faults"]) == 0
    assert "(sim, fuse, desert)" in capsys.readouterr().out


@pytest.mark.usefixtures("desert")
def test_a_storm_is_run_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["run", "sequential", "rivals", "--world", "desert", "--json", "--out", str(tmp_path)]
    code = main(asked)
    report = json.loads(capsys.readouterr().out)

    assert [run["world"] for run in report["runs"]] == ["desert", "desert"]
    assert [run["verdict"] for run in report["runs"]] == [report["verdict"]] * 2
    assert code == {"safe": 0, "violated": 1, "unknown": 2}[report["verdict"]]
    result = run_storm("sequential", "reference", seed=1, world="desert", out_dir=tmp_path)
    assert result.history is not None and result.history.header.world == "desert"
    assert "it was quiet" in result.report.notes


@pytest.mark.usefixtures("desert")
def test_a_storage_that_it_has_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sequential", "--world", "desert", "--storage", "ext4"]) == 2
    assert "in desert: tmpfs" in capsys.readouterr().err


@pytest.mark.usefixtures("desert")
def test_skip_reasons_name_it() -> None:
    def reason(name: str, world: str) -> str:
        return str(runnable(library.load(name), world, CAPABILITIES, all_means()))

    assert reason("crash-all", "desert") == (
        "crash-all can be brought about in sim, processes, fuse, nfs, containers only, not in desert"
    )
    storm = library.load("failing-disk")
    kinds = {fault.kind for fault in storm.faults}
    assert kinds & {"enospc", "short-read"}
    assert "not in desert" in reason("failing-disk", "desert")


@pytest.mark.slow
@pytest.mark.usefixtures("desert")
def test_doctor_asks_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "patchstorm.worlds.registry._TABLE", {}
    )  # the machine's own worlds take long
    assert main(["doctor"]) == 0
    assert re.search(r"^world desert +yes +there is sand everywhere", capsys.readouterr().out, re.M)


def test_what_is_taken_or_searches_is_not_registered(desert: Desert) -> None:
    with pytest.raises(ValueError, match="there is one of this name"):
        register(desert)
    fake = Desert()
    fake.name = "sim"
    with pytest.raises(ValueError, match="world sim: there is one of this name"):
        register(fake)
    fake.name, fake.searches = "elsewhere", True
    with pytest.raises(ValueError, match="only the simulator's schedules can be searched"):
        register(fake)
    assert names() == ("sim", "processes", "fuse", "nfs", "containers", "desert")


@pytest.mark.usefixtures("desert")
def test_what_it_cannot_run_is_skipped_in_its_own_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desert, "cannot_run", lambda self, target: "no water")
    monkeypatch.setattr("patchstorm.commands.run.default_worlds", lambda: ("sim", "desert"))
    main(["run", "sequential", "--schedules", "1", "--json"])
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["world"], run["skipped"]) for run in runs] == [
        ("sim", None),
        ("desert", "no water"),
    ]


@pytest.mark.usefixtures("desert")
def test_an_unknown_world_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(UsageError, match="Worlds: sim, processes, fuse, nfs, containers, desert"):
        world_of("dessert")


def test_what_is_registered_is_forgotten_again() -> None:
    assert names() == ("sim", "processes", "fuse", "nfs", "containers")
    assert default_worlds() == ("sim", "processes")


def test_worlds_and_the_table_of_faults_know_the_same_names() -> None:
    means = all_means()
    assert {fault for one in means.values() for fault in one.faults} == set(FAULTS)
    assert {kind for one in means.values() for kind in one.triggers} == set(TRIGGERS)


@pytest.mark.usefixtures("desert")
def test_orders_are_searched_where_a_world_says_so_and_others_are_named_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explore", "sequential", "--world", "desert"]) == 2
    assert "orders can be searched in sim and fuse" in capsys.readouterr().err


def test_a_world_that_makes_choices_again_is_explored_shrunk_and_replayed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS", raising=False)
    corpus, small = tmp_path / "corpus", tmp_path / "small.json"
    asked = ["sequential", "--world", "caravan", "--schedules", "9", "--json"]
    with registered(Caravan()):
        assert main(["explore", *asked, "--out", str(tmp_path), "--corpus", str(corpus)]) == 1
        [run] = json.loads(capsys.readouterr().out)["runs"]
        assert (run["world"], run["verdict"]) == ("caravan", "violated")
        assert "shrunk to 1 choice; it came back in 3 of 3" in run["notes"][-1]
        assert list(corpus.iterdir())

        assert main(["shrink", run["failure"], "-o", str(small)]) == 1
        assert "1 choice left" in capsys.readouterr().out
        assert main(["replay", str(small), "--times", "2"]) == 1
        assert "came back in 2 of 2 runs" in capsys.readouterr().out


class Caravan(Desert):
    """A desert with an answer to every creation, which is no good one if one choice is made."""

    name = "caravan"
    repeats = True

    def conducting(self) -> Trail:
        return Trail()

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        return await self.repeat(plan, target, Schedule(), out_dir=out_dir, shared=shared)

    async def repeat(
        self, plan: Plan, target: Target, schedule: Schedule, *, out_dir: Path, shared: Any
    ) -> Outcome:
        header = header_of(plan, target, world=self.name, storage="tmpfs", clock="monotonic")
        recorder = Recorder(header)
        made = tuple(one for one in schedule.choices if one == MIRAGE)
        for upload in plan.uploads:
            op = recorder.invoke(time_ns=1, client="camel", kind="create", upload=upload.id)
            recorder.complete(op, time_ns=2, status=500 if made else 201)
            recorder.add(Final(upload=upload.id, present=False))
        with (out_dir / HISTORY_FILE).open("wb") as file:
            recorder.write(file)
        return Outcome(log_dir=out_dir, history=recorder.history(), schedule=Schedule(choices=made))


@dataclass
class Trail:
    """Where the caravan goes next: once past the mirage."""

    strategy: str = "portfolio"
    slept: float = 0.0
    ran: bool = True
    unmade: bool = False

    def beside(self, strategy: str) -> Trail:
        return self

    def close(self) -> None:
        return None

    def deaths(self) -> Sequence[Death]:
        return ()

    def aimed(self, *, deadly: bool) -> Sequence[tuple[Choice, ...]]:
        return ((OTHER,), (OTHER, MIRAGE))


class Oasis(Desert):
    """A desert with a storage that only it has a word for."""

    name = "oasis"

    def storages(self) -> Mapping[str, str]:
        return {"sandbox": "sand with a frame around it"}


@pytest.fixture
def oasis() -> Iterator[None]:
    with registered(Oasis()):
        yield


@pytest.mark.usefixtures("oasis")
def test_a_world_may_have_a_word_of_its_own_for_its_storage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ["run", "sequential", "--storage", "sandbox", "--json", "--out", str(tmp_path)]
    main([*asked, "--world", "oasis"])
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["skipped"] for run in runs] == [None]
    assert main([*asked, "--world", "processes"]) == 2
    assert "sandbox" in capsys.readouterr().err
    assert main([*asked[:3], "sandbx", "--world", "oasis"]) == 2
    assert "sandbx" in capsys.readouterr().err


@pytest.mark.parametrize("field", ["faults", "triggers"])
def test_what_a_world_cannot_have_is_refused(field: str) -> None:
    class Hail(Desert):
        name = "hail"

        def means(self) -> Means:
            means: Any = {"faults": OF_REQUESTS} | {field: frozenset({"full-moon"})}
            return Means(**means)

    with pytest.raises(ValueError, match="full-moon"):
        register(Hail())


def test_one_storage_is_marked_as_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "storages"]) == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if "the default" in line]
    assert [line.split()[0] for line in marked] == [DEFAULT_STORAGE]
