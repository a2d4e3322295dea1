"""Storms as the tests of mutants, on a tiny sample: what is wrong dies, what is right does not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "mutmut", reason="mutants are made by mutmut: pip install 'patchstorm[mutation]'"
)

from benchmarks.mutation import storms
from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.report import report, share
from benchmarks.mutation.sample import Equivalent, equivalents, population, sampled, source_of
from benchmarks.mutation.storms import Bench, Budget, NotSafe

from campaign.machines import Machines
from patchstorm.errors import UsageError

ROOT = Path(__file__).parents[2]
TINY = Budget(schedules=1, scenarios=("sequential", "resuming"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(TINY, out=tmp_path) as made:
        yield made


def made(module: str, more: str) -> tuple[str, str]:
    """A module with something defined anew at its end."""
    return module, source_of(module) + more


def test_the_code_as_it_stands_is_safe_also_as_a_mutant_of_itself(bench: Bench) -> None:
    assert bench.baseline() == []
    told = bench.trial("ranges", source_of("ranges"))
    assert told["found"] is None
    assert told["schedules"] == 2


def test_an_obvious_mutant_is_killed_by_a_storm_and_again_when_repeated(bench: Bench) -> None:
    told = bench.trial(*made("ranges", "\n\ndef gaps(ranges, start, end):\n    return []\n"))
    assert told["found"]["storm"] == "resuming"
    assert "status" in told["found"]["checkers"]
    assert told["found"]["repeated"]


def test_a_mutant_that_hangs_is_stopped_and_called_a_hang(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storms, "SCHEDULE_S_MAX", 0.5)
    told = bench.trial(*made("ranges", "\n\ndef add(*_):\n    while True:\n        pass\n"))
    assert told["found"]["checkers"] == ["hang"]
    assert told["found"]["storm"] == "resuming"


def test_a_mutant_that_cannot_be_imported_is_called_a_crash(bench: Bench) -> None:
    told = bench.trial(*made("layout", "\n\nimport no_such_module_anywhere\n"))
    assert told["found"]["checkers"] == ["crash"]


def test_nothing_is_measured_when_the_code_itself_is_accused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = bench.trial(*made("ranges", "\n\ndef gaps(ranges, start, end):\n    return []\n"))
    monkeypatch.setattr(Bench, "trial", lambda *_: wrong)
    with pytest.raises(NotSafe, match="unmutated code is accused"):
        bench.baseline()


@pytest.mark.slow
def test_results_are_kept_and_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    chosen = [one for one in population(["ranges"]) if one.function == "overlaps"][:2]
    command = [
        sys.executable, "-m", "benchmarks.mutation", "run", "--out", str(tmp_path),
        "--modules", "ranges", "--storms", "sequential", "--schedules", "1", "--jobs", "1",
    ]  # fmt: skip
    first = _run(command, chosen[:1])
    assert first.returncode == 0, first.stderr
    assert "1 mutants, 1 to try" in first.stdout
    second = _run(command, chosen)
    assert "2 mutants, 1 to try" in second.stdout
    assert set(Bench(TINY, out=tmp_path).results()) == {one.id for one in chosen}


@pytest.mark.slow
def test_workers_of_a_cluster_come_to_the_same_whoever_dies(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    mutants = sampled(population(["ranges", "layout"]), 8, 1)

    def tried(bench: Bench, cluster: str | None, first: Callable[[], None]) -> dict[str, Any]:
        for _ in bench.run(mutants, [], 2, cluster):
            first()
        kept = bench.results()
        for row in kept.values():
            del row["seconds"]
        return kept

    machines = Machines(tmp_path)
    try:
        doomed, other = machines.worker(), machines.worker()
        with Bench(TINY, out=tmp_path / "here") as here, Bench(TINY, out=tmp_path / "away") as away:
            for bench in (here, away):
                bench.out.mkdir()
            wanted = tried(here, None, lambda: None)
            found = tried(away, str(machines.file), doomed.kill)
        assert doomed.wait() == -signal.SIGKILL and other.poll() is None
    finally:
        machines.end()
    assert len(wanted) == len(mutants) and found == wanted
    assert {row["verdict"] for row in wanted.values()} == {"killed", "survived"}


@pytest.mark.slow
def test_a_worker_with_other_storms_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    mutants = sampled(population(["layout"]), 1, 1)
    monkeypatch.setattr(Bench, "suite", lambda _: "another")
    with Bench(TINY, out=tmp_path) as bench, pytest.raises(UsageError, match="has other storms"):
        list(bench.run(mutants, [], 1, "local:1"))
    assert bench.results() == {}


def test_a_trial_ends_with_whoever_asked_for_it(tmp_path: Path) -> None:
    asked = {
        "module": "chunkstore.layout", "source": source_of("layout") + "\n\nimport time\ntime.sleep(600)\n",
        "scenarios": ["sequential"], "passes": [1], "seed": 0, "seconds": 600.0,
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-P", str(storms.TRIAL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as trial:  # fmt: skip
        assert trial.stdin is not None and trial.stdout is not None
        trial.stdin.write(json.dumps(asked) + "\n")
        trial.stdin.flush()
        assert json.loads(trial.stdout.readline()) == {"at": "start"}  # and there it stays
        trial.stdin.close()
        assert trial.stdout.read() == "", "nobody holds the other end any more"
        assert trial.wait() == 0


def _run(command: list[str], mutants: list[Mutant]) -> subprocess.CompletedProcess[str]:
    only = ["--only", ",".join(one.id for one in mutants)]
    return subprocess.run(
        [*command, *only], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )


def test_an_unknown_module_is_refused_with_its_name() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutation", "run", "--modules", "sockets"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert "sockets" in told.stderr


def _row(name: str, verdict: str) -> dict[str, object]:
    found = {"storm": "sequential", "checkers": ["bytes"], "repeated": True}
    return {
        "id": name, "module": "ranges", "function": "add", "operator": "omitted", "line": 1,
        "before": "x()", "after": "pass", "verdict": verdict,
        "found": found if verdict == "killed" else None,
    }  # fmt: skip


def test_the_share_leaves_out_equivalents_and_says_when_one_of_them_was_killed() -> None:
    rows = [_row("a", "killed"), _row("b", "survived"), _row("c", "survived"), _row("d", "killed")]
    judged = {
        name: Equivalent(
            id=name, module="ranges", function="add", before="x()", after="pass", why="it is"
        )
        for name in ("c", "d")
    }
    assert share(rows, judged) == (2, 3)
    text = report(rows, judged)
    assert "called equivalent, and killed by sequential" in text
    assert "| all | 4 | 1 | 2 | 1 | 66.7 % |" in text


def test_every_entry_of_the_reviewed_list_says_why() -> None:
    assert all(one.why.strip() for one in equivalents().values())


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "equivalent.toml"
    file.write_text(
        '[[equivalent]]\nmodule = "ranges"\nfunction = "add"\nbefore = "a"\nafter = "b"\n'
    )
    with pytest.raises(SystemExit, match="why"):
        equivalents(file)
