"""The sequential base is correct where no storm of a bug looks."""

from __future__ import annotations

import pytest

from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load


@pytest.mark.parametrize(
    ("target", "storage", "index"),
    [("innocent:pooled", "ext4-data-journal", 72), ("innocent:workers-waiting", "nfs4.0", 280)],
)
def test_a_creation_that_was_done_is_not_refused_where_a_sweep_has_its_lock(
    target: str, storage: str, index: int
) -> None:
    """Whoever is told to come again makes another upload, and the first one would be left behind."""
    search = Search(scenario=load("impatient"), target=target, seed=47, storage=storage)

    assert Session.of(search).tell(index).verdict == "safe"
