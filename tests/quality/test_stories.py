"""A story has to show what went wrong, not only that something did."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.explore import explore
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.hunting import Hunt
from patchstorm.campaign.suspects import suspects
from patchstorm.catalog.table import BUGS


def _story(storm: str, target: str, storage: str, folder: Path) -> list[str]:
    explored = explore(storm, target, seed=7, schedules=20, jobs=1, storage=storage, out_dir=folder)
    return list(explored.stories[0])


@pytest.mark.slow
def test_on_a_stale_mount_the_old_answer_and_the_change_it_misses_are_told(tmp_path: Path) -> None:
    story = _story("stale-mount", "reference:rename-unrefreshed", "nfs4", tmp_path)
    changed = next(line for line in story if "the change that it misses" in line)
    answered = next(line for line in story if "answered from an old cache" in line)
    assert "replace" in changed and "info.json" in changed
    assert "open" in answered and "info.json" in answered
    assert story.index(changed) < story.index(answered)


def test_a_race_is_told_by_what_was_learnt_changed_and_done_all_the_same(tmp_path: Path) -> None:
    story = "\n".join(_story("replaying", "reference:append", "tmpfs", tmp_path))
    learnt, changed = story.index("what it then relied on"), story.index("changed meanwhile")
    assert learnt < changed < story.index("done on what had changed")


def _told(name: str, folder: Path, seed: int = 0) -> list[str]:
    """The story of a planted bug's failure."""
    mine = next(one for one in suspects(BUGS) if one.name == name)
    trial = Hunt(suspect=mine, seed=seed, budget=400, keep=True, out_dir=folder).run()
    assert trial.failure is not None
    return list(read_failure(Path(trial.failure)).story)


@pytest.mark.slow
def test_a_call_that_a_fault_struck_is_a_cause_and_says_which_fault(tmp_path: Path) -> None:
    story = _told("read-once", tmp_path)
    struck = [line for line in story if "fault short-read struck here" in line]
    assert struck
    assert all(line.startswith("->") and "pread" in line for line in struck)


@pytest.mark.slow
def test_what_a_sweeper_took_away_and_who_relied_on_it_are_told(tmp_path: Path) -> None:
    story = _told("live-bodies-swept", tmp_path, seed=1)
    (swept,) = [line for line in story if "/sweeper unlink" in line]
    assert swept.startswith("->") and swept.endswith("<- changed meanwhile")


def test_a_residue_is_told_by_the_requests_that_left_it(tmp_path: Path) -> None:
    story = _told("chunks-left", tmp_path)
    assert any("POST" in line for line in story)
    assert any("link" in line and "u0.bin" in line for line in story)


def test_what_is_held_up_before_an_append_has_the_end_of_the_file_as_it_was_then(
    tmp_path: Path,
) -> None:
    explored = explore(
        "replaying", "reference:append", seed=1, schedules=20, jobs=1, out_dir=tmp_path
    )
    story = explored.stories[0]
    held = next(line for line in story if "is held up before write" in line)
    done = next(line for line in story if "done on what had changed" in line)
    assert "32 bytes at 0;" in held
    assert "32 bytes at 32 " in done


def test_a_death_is_told_with_the_last_step_of_what_died(tmp_path: Path) -> None:
    story = _told("bytes-removed-first", tmp_path)
    last = next(at for at, line in enumerate(story) if line.endswith("<- its last step"))
    assert "fault crash: its process is killed" in story[last + 1]
    assert any("unlink" in line and ".bin" in line for line in story[:last])
