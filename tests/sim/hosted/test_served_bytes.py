"""Files that have places and names of the server's own are had with GET, in the simulator as elsewhere."""

from __future__ import annotations

import pytest

from .running import accused, found


@pytest.mark.parametrize(
    "storm", ["sequential", "replaying", "crash-all", "zero-bytes", "unattended"]
)
def test_names_of_its_own_are_no_crime(storm: str) -> None:
    told = found("own_names_locked", storm, 2)
    assert [one.verdict for one in told] == ["safe"] * 2


def test_what_get_gives_is_what_is_judged() -> None:
    assert "bytes" in accused(found("own_names_race", "replaying", 12, until="bytes"))


def test_a_file_that_a_sweeper_names_later_is_awaited() -> None:
    told = found("own_names_late", "unattended", 3)
    assert [one.verdict for one in told] == ["safe"] * 3
