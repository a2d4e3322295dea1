"""A target claims nothing on storage that does not give what it needs."""

from __future__ import annotations

import msgspec
import pytest

from patchstorm.commands.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve


def needing(*needs: str) -> Target:
    return msgspec.structs.replace(resolve("reference"), needs=needs)


def test_the_reference_claims_tmpfs_where_no_power_is_lost() -> None:
    assert unclaimed(resolve("reference"), "tmpfs", "processes") is None


def test_durability_is_not_claimed_on_memory_where_power_is_lost() -> None:
    reason = unclaimed(needing("durable-fsync"), "tmpfs", "sim")
    assert reason is not None
    assert reason.startswith("not claimed: tmpfs does not give durable-fsync")
    assert "--unclaimed" in reason


def test_what_the_storage_gives_is_claimed() -> None:
    assert unclaimed(needing("durable-fsync"), "ext4", "sim") is None


@pytest.mark.parametrize("world", ["processes", "sim"])
def test_a_need_that_matters_without_power_loss_is_asked_in_every_world(world: str) -> None:
    assert unclaimed(needing("exclusive-locks"), "nfs3,nolock", world) is not None


def test_a_directory_of_the_users_own_gives_what_its_owner_says() -> None:
    assert unclaimed(needing("durable-fsync"), "dir:/srv/shared", "sim") is None
