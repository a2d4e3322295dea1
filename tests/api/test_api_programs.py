"""Programs as people write them, and what they may get wrong."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from patchstorm import api

SCRIPT = """
from patchstorm import api
print(api.explore("replaying", "reference", schedules=20, jobs=2).report.verdict)
"""


def test_a_plain_script_may_search_with_several_processes(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "safe\n"), done.stderr


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"seed": -1}, "seed"),
        ({"replicas": 0}, "replicas"),
        ({"index": -1}, "index"),
        ({"storage": "ext5"}, "ext5"),
    ],
)
def test_a_plan_of_nonsense_is_refused(what: dict[str, int | str], says: str) -> None:
    storm, target = api.load_scenario("replaying"), api.load_target("reference")
    with pytest.raises(api.UsageError, match=says):
        api.draw_plan(storm, target, **what)  # type: ignore[arg-type]


@pytest.mark.parametrize(("what", "says"), [({"seed": -1}, "seed"), ({"storage": "ext5"}, "ext5")])
def test_a_search_of_nonsense_is_refused(what: dict[str, int | str], says: str) -> None:
    with pytest.raises(api.UsageError, match=says):
        api.explore("replaying", "reference", schedules=1, jobs=1, **what)  # type: ignore[arg-type]
    with pytest.raises(api.UsageError, match=says):
        api.run("replaying", "reference", **what)  # type: ignore[arg-type]


def test_a_protocol_that_nobody_speaks_is_refused() -> None:
    target = msgspec.structs.replace(api.load_target("reference"), dialect="nope")
    with pytest.raises(api.UsageError, match="nope"):
        api.run("sequential", target, seed=1)


def test_a_failure_of_a_store_of_ones_own_is_told_with_what_replays_it(tmp_path: Path) -> None:
    def handle(request: api.Request) -> api.Response:
        raise ValueError

    target = api.Target(
        name="mine",
        capabilities=("sequential", "creation"),
        start=api.Start(command=("mine",)),
        wire=api.Wire(path="/files"),
    )
    mine = api.subject(target, lambda port, root: api.WholeRequests(handle))
    found = api.explore("replaying", mine, schedules=1, shrinks=False, out_dir=tmp_path)
    moved = (tmp_path / "elsewhere").resolve()
    found.failures[0].parent.rename(moved)
    call = (
        f"patchstorm.api.replay(patchstorm.api.load_failure('{moved}/failure.json'), subject=...)"
    )

    assert api.load_failure(moved / "failure.json").command == call
    story = api.came_back(moved / "failure.json", subject=mine)
    assert story is not None and story.splitlines()[-1] == call
