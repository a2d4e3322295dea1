"""On which storage a host may believe that a name is free which another one has made."""

from __future__ import annotations

import msgspec
import pytest

from patchstorm.choice.chooser import seeded
from patchstorm.scenario.storm import context

from .plans import plan


@pytest.mark.parametrize(
    ("storage", "lag"),
    [(None, False), ("tmpfs", False), ("nfs4.2", True), ("nfs3,noac", True), ("dir:/mnt/x", True)],
)
def test_names_are_seen_late_where_nobody_promises_otherwise(
    storage: str | None, lag: bool
) -> None:
    concrete = msgspec.structs.replace(plan("sequential"), storage=storage)
    made = context(concrete, seeded(1, "test", 0, "c0"), "c0", concrete.uploads)
    assert made.names_lag is lag
