"""A page of a simulated failure names the store's lines and what caches held; or says why it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign.closeup import look_closely
from patchstorm.campaign.corpus import Corpus
from patchstorm.campaign.failure import read_failure
from patchstorm.commands.show import write_page
from patchstorm.errors import UsageError
from patchstorm.history.events import Step
from patchstorm.history.reader import read_history

pytestmark = pytest.mark.slow  # of one search


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The failure of a store that believes a stale mount."""
    folder = tmp_path_factory.mktemp("stale")
    command = "explore stale-creating --target bug:names-believed --storage nfs4.1 --schedules 200"
    done = subprocess.run(
        [sys.executable, "-m", "patchstorm", *command.split()],
        cwd=folder,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1, done.stderr
    (failure,) = folder.glob("patchstorm-runs/*/failure.json")
    return failure


def test_each_step_has_its_line_and_the_missed_name_is_held_before_the_step_that_misses_it(
    stale: Path,
) -> None:
    failure = read_failure(stale)
    history = read_history(stale.parent / str(failure.history))
    steps = [event for event in history.events if isinstance(event, Step)]
    seen = look_closely(failure, history)
    assert len(seen.places) == len(steps)
    assert {place.partition(":")[0] for place in seen.places if place} >= {"chunkstore/session.py"}
    (missed,) = (
        number
        for number, step in enumerate(steps)
        if (step.replica, step.call, step.result) == (1, "open", "ENOENT")
    )
    held = [says for step, replica, says in seen.held if replica == 1 and step < missed]
    assert held and held[-1][0].startswith(".upload: not there, until step ")


def test_the_page_has_both_and_needs_a_run_for_it(stale: Path, tmp_path: Path) -> None:
    closely = write_page(stale, tmp_path / "closely.html", closely=True).read_text()
    assert "chunkstore/session.py:" in closely and ".upload: not there, until step" in closely
    recorded = write_page(stale, tmp_path / "recorded.html").read_text()
    assert "chunkstore/session.py:" not in recorded and "not there, until step" not in recorded
    assert "are not shown: nothing was run for this page" in recorded


def test_a_run_that_is_another_one_today_is_not_taken_for_the_recorded_one(stale: Path) -> None:
    failure = read_failure(stale)
    history = read_history(stale.parent / str(failure.history))
    mended = msgspec.structs.replace(failure, target="reference")
    with pytest.raises(UsageError, match="takes other steps"):
        look_closely(mended, history)


def test_without_its_history_a_simulated_failure_is_run_for_the_whole_page(
    stale: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "failure.json"
    alone.write_bytes(stale.read_bytes())
    whole = write_page(stale, tmp_path / "whole.html", closely=True).read_text()
    assert data(write_page(alone, tmp_path / "alone.html", closely=True).read_text()) == data(whole)
    entry = Corpus(tmp_path / "kept").keep(read_failure(stale))
    assert entry is not None
    assert data(write_page(entry, tmp_path / "entry.html", closely=True).read_text()) == data(whole)
    with pytest.raises(UsageError, match="no history lies beside it"):
        write_page(alone, tmp_path / "none.html")
    mended = msgspec.structs.replace(read_failure(stale), target="reference")
    alone.write_bytes(msgspec.json.encode(mended))
    with pytest.raises(UsageError, match=r"cannot be had again: today's run .* is another one"):
        write_page(alone, tmp_path / "none.html", closely=True)


def data(page: str) -> str:
    return page.partition('id="data"')[2].partition("</script>")[0]


def test_a_world_in_which_nothing_runs_twice_alike_is_not_run(stale: Path, tmp_path: Path) -> None:
    failure = msgspec.structs.replace(read_failure(stale), world="processes", schedule=None)
    (tmp_path / "failure.json").write_bytes(msgspec.json.encode(failure))
    (tmp_path / "history.jsonl").write_bytes((stale.parent / "history.jsonl").read_bytes())
    page = write_page(tmp_path / "failure.json", tmp_path / "p.html", closely=True).read_text()
    assert "are not shown: in processes nothing runs twice alike" in page
