"""A story has to show what went wrong, not only that something did."""

from __future__ import annotations

from pathlib import Path

from patchstorm.campaign.explore import explore


def _story(storm: str, target: str, storage: str, folder: Path) -> list[str]:
    explored = explore(storm, target, seed=7, schedules=20, jobs=1, storage=storage, out_dir=folder)
    return list(explored.stories[0])


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
