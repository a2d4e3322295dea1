"""What a plugin for some runner of tests asks: worlds, options, what is skipped, what failed before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm import api

NEEDY = """
name = "needy"
capabilities = ["sequential", "creation"]
needs = ["exclusive-locks"]

[start]
command = ["needy", "{port}"]

[wire]
path = "/files"
"""


def never() -> api.Subject:
    """A store that always has enough to do."""
    target = api.Target(
        name="never",
        capabilities=("sequential", "creation"),
        start=api.Start(command=()),
        wire=api.Wire(path="/files"),
    )
    busy = api.Response(status=503, headers=(("Retry-After", "1"),))
    return api.subject(target, lambda port, root: api.WholeRequests(lambda request: busy))


def test_a_world_is_one_of_those_that_there_are_and_says_who_storms_there() -> None:
    every = api.worlds()
    assert [api.world(one.name) for one in every] == list(every)
    assert all(one.says for one in every)
    assert [one.name for one in every if one.searches] == ["sim"]
    assert [one.name for one in every if one.default] == ["sim", "processes"]
    with pytest.raises(api.UsageError, match="Worlds: sim, processes"):
        api.world("moon")


@pytest.mark.parametrize(
    "options",
    [{"seed": -1}, {"index": -1}, {"schedules": 0}, {"replicas": 65}, {"storage": "ext5"}],
    ids=str,
)
def test_an_option_that_cannot_be_is_refused_by_its_name(options: dict[str, int | str]) -> None:
    (name,) = options
    with pytest.raises(api.UsageError, match=rf"^(--)?{name}[: ]"):
        api.check_options(**options)  # type: ignore[arg-type]


def test_options_that_can_be_and_those_left_open_are_not_refused() -> None:
    api.check_options()
    api.check_options(seed=0, index=0, schedules=1, replicas=64, storage="nfs4")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"scenario": "power-loss", "world": "processes"},
            "power-loss can be brought about in sim",
        ),
        ({"scenario": "power-loss", "world": "sim"}, None),
        ({"scenario": "sequential", "world": "processes"}, None),
        ({"scenario": "sequential", "world": "processes", "storage": "nfs4"}, "to be had in"),
        ({"scenario": "sequential", "world": "sim", "storage": "nfs4"}, None),
        ({"scenario": "power-loss", "world": "sim", "storage": "tmpfs"}, "not claimed: tmpfs"),
        ({"scenario": "companion-crash", "world": "processes"}, "names none for the world"),
    ],
    ids=str,
)
def test_why_a_storm_is_skipped_and_that_it_is_not(
    asked: dict[str, str], reason: str | None
) -> None:
    said = api.reason_to_skip(target="reference", **asked)  # type: ignore[arg-type]
    assert said is None if reason is None else reason in str(said)


def test_a_target_that_is_a_program_is_not_simulated_and_one_that_is_code_is_nothing_else(
    tmp_path: Path,
) -> None:
    file = tmp_path / "needy.toml"
    file.write_text(NEEDY)
    needy = api.load_target(file)
    assert "simulator" in str(api.reason_to_skip("sequential", needy, world="sim"))
    assert api.reason_to_skip("sequential", needy) is None
    mine = never()
    assert api.reason_to_skip("sequential", mine, world="sim") is None
    assert "has no [start]" in str(api.reason_to_skip("sequential", mine.target))


def test_what_a_search_says_of_a_skipped_storm_is_what_was_asked_before() -> None:
    asked = {"seed": 4, "storage": "tmpfs"}
    reason = api.reason_to_skip("power-loss", "reference", world="sim", **asked)  # type: ignore[arg-type]
    report = api.explore("power-loss", "reference", schedules=1, **asked).report  # type: ignore[arg-type]
    assert reason is not None and (report.verdict, report.skipped) == (None, reason)


def test_long_storms_get_few_schedules_and_composed_ones_many() -> None:
    few, some, many = (
        api.usual_schedules(api.load_scenario(name)) for name in ("many", "replaying", "composed")
    )
    assert 0 < few < some < many


def test_a_search_keeps_what_fails_and_tries_it_first(tmp_path: Path) -> None:
    kept, out = tmp_path / "kept", tmp_path / "out"

    def searched(
        seed: int, *, retry: bool = True, target: str = "reference:append"
    ) -> api.RunReport:
        return api.explore(
            "replaying", target, seed=seed, schedules=20, jobs=1, shrinks=False, out_dir=out,
            corpus=kept, retry=retry,
        ).report  # fmt: skip

    first = searched(1)
    assert first.verdict == "violated" and first.notes == () and first.story
    assert len(list(kept.iterdir())) == 1
    again = searched(2)
    assert again.notes == ("failed before and was tried first",)
    assert (again.seed, again.schedules, again.story) == (1, 1, first.story)
    other = searched(2, retry=False)
    assert (other.seed, other.verdict, other.notes) == (2, "violated", ())
    assert len(list(kept.iterdir())) == 2
    assert searched(1, target="reference").verdict == "safe", "it is nothing to another target"


def test_a_corpus_needs_a_place_for_what_comes_back(tmp_path: Path) -> None:
    with pytest.raises(api.UsageError, match="out_dir"):
        api.explore("replaying", "reference", schedules=1, corpus=tmp_path)
    with pytest.raises(api.UsageError, match="out_dir"):
        api.run("replaying", "reference", corpus=tmp_path)


def test_what_is_found_in_a_store_of_ones_own_is_not_kept(tmp_path: Path) -> None:
    def handle(request: api.Request) -> api.Response:
        raise ValueError

    mine = api.subject(never().target, lambda port, root: api.WholeRequests(handle))
    kept = tmp_path / "kept"
    found = api.explore(
        "sequential", mine, schedules=1, shrinks=False, out_dir=tmp_path / "out", corpus=kept
    )
    assert found.report.verdict == "violated" and found.failures[0].exists()
    assert not kept.exists()


def test_the_report_of_a_search_tells_the_steps_and_where_the_other_failures_lie(
    tmp_path: Path,
) -> None:
    found = api.explore(
        "replaying", "reference:append", schedules=12, jobs=1, collect=True, shrinks=False,
        out_dir=tmp_path,
    )  # fmt: skip
    assert found.report.story == found.stories[0]
    assert found.report.others == tuple(map(str, found.failures[1:]))
    safe = api.explore("replaying", "reference", schedules=2).report
    assert (safe.story, safe.others) == ((), ())


@pytest.mark.parametrize(
    ("broken", "name"),
    [("fcntl", "patchstorm.api"), ("msgspec", "msgspec")],
    ids=["another system", "a package that is missing"],
)
def test_only_another_system_is_told_by_the_name_of_the_api(broken: str, name: str) -> None:
    program = (
        f"import sys\nsys.modules[{broken!r}] = None\n"
        "try:\n    from patchstorm import api\n"
        "except ImportError as error:\n    print(error.name, error, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    said, _, text = done.stdout.partition("|")
    assert said == name
    assert ("Linux is needed" in text) == (name == "patchstorm.api")
