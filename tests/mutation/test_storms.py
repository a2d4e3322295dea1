"""Storms as the tests of mutants, on a tiny sample: what is wrong dies, what is right does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "mutmut", reason="mutants are made by mutmut: pip install 'patchstorm[mutation]'"
)

from benchmarks.mutation import storms
from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.report import report, share
from benchmarks.mutation.sample import Equivalent, equivalents, population, source_of
from benchmarks.mutation.storms import Bench, Budget, NotSafe

ROOT = Path(__file__).parents[2]
TINY = Budget(schedules=1, scenarios=("sequential", "resuming"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, TINY) as made:
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
    assert set(Bench(tmp_path, TINY).results()) == {one.id for one in chosen}


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
