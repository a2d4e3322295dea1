"""What a storage flavour asks of a guest, and what is refused before one is started."""

from __future__ import annotations

import pytest

from patchstorm.errors import UsageError
from patchstorm.live.nfs.mounts import DEFAULT, SIZE_BYTES, parse_mounting, storage_of


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("nfs3", "vers=3"),
        ("nfs4.0", "vers=4.0"),
        ("nfs4", "vers=4.2"),
        ("nfs4.2,actimeo=1", "vers=4.2,actimeo=1"),
        ("nfs3,nolock,noac", "vers=3,nolock,noac"),
        ("nfs4.2,soft", "vers=4.2,soft,timeo=20,retrans=1"),
        ("nfs4.2,lookupcache=none,size=16MiB,lease=20,export=async", "vers=4.2,lookupcache=none"),
    ],
)
def test_mount_options_are_passed_on(spec: str, options: str) -> None:
    assert parse_mounting(spec).options == options


def test_what_concerns_the_server_is_not_a_mount_option() -> None:
    mounting = parse_mounting("nfs4.2,size=16MiB,lease=20,export=async")

    assert (mounting.size_bytes, mounting.lease_s, mounting.stable) == (16 << 20, 20, False)
    plain = parse_mounting("nfs4.2")
    assert (plain.size_bytes, plain.lease_s, plain.stable) == (SIZE_BYTES, 10, True)


def test_only_version_3_has_its_locks_from_a_daemon() -> None:
    wants = {
        spec: parse_mounting(spec).locks_by_daemon for spec in ("nfs3", "nfs3,nolock", "nfs4.0")
    }

    assert wants == {"nfs3": True, "nfs3,nolock": False, "nfs4.0": False}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("tmpfs", "have NFS only"),
        ("nfs5", "unknown flavour"),
        ("nfs4.2,actime=1", "actimeo"),
        ("nfs4.2,kernel=6.12", "the kernel that is installed"),
        ("nfs4.2,noalignwrite", "6.13"),
        ("nfs4.2,lease=5", "10 to 3600"),
        ("nfs4.2,lease=20,grace=30", "are the same"),
    ],
)
def test_what_is_not_to_be_had_is_refused_with_a_remedy(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_mounting(spec)


def test_a_storm_that_wants_another_storage_gets_nfs_of_the_same_size() -> None:
    assert storage_of(None) == DEFAULT
    assert storage_of("nfs3,noac") == "nfs3,noac"
    assert storage_of("ext4") == DEFAULT
    assert parse_mounting(storage_of("tmpfs,size=4MiB")).size_bytes == 4 << 20
    assert storage_of("dir:/somewhere") == DEFAULT
