"""A target claims nothing on storage that does not give what it needs."""

from __future__ import annotations

import msgspec
import pytest

from patchstorm.target.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve


def needing(*needs: str) -> Target:
    return msgspec.structs.replace(resolve("reference"), needs=needs)


def test_the_reference_claims_tmpfs_where_no_power_is_lost() -> None:
    assert unclaimed(resolve("reference"), "tmpfs", ["crash", "pause"]) is None


def test_durability_is_not_claimed_on_memory_where_power_is_lost() -> None:
    reason = unclaimed(needing("durable-fsync"), "tmpfs", ["power-loss"])
    assert reason is not None
    assert reason.startswith("not claimed: tmpfs in this storm does not give durable-fsync")
    assert "--unclaimed" in reason


def test_what_the_storage_gives_is_claimed() -> None:
    assert unclaimed(needing("durable-fsync"), "ext4", ["power-loss"]) is None


@pytest.mark.parametrize("faults", [[], ["power-loss"]])
def test_a_need_that_matters_without_power_loss_is_always_asked(faults: list[str]) -> None:
    assert unclaimed(needing("exclusive-locks"), "nfs3,nolock", faults) is not None


def test_locks_that_outlive_a_host_matter_where_a_host_dies() -> None:
    target = needing("lock-release-on-host-death")
    assert unclaimed(target, "nfs3", ["crash"]) is None
    assert unclaimed(target, "nfs3", ["power-loss"]) is not None


def test_no_locks_are_exclusive_where_locks_get_lost() -> None:
    assert unclaimed(needing("exclusive-locks"), "nfs4", ["lock-loss"]) is not None
    assert unclaimed(needing("exclusive-locks"), "nfs4", []) is None


def test_a_directory_of_the_users_own_gives_what_its_owner_says() -> None:
    assert unclaimed(needing("durable-fsync"), "dir:/srv/shared", ["power-loss"]) is None
