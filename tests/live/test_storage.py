"""A storm's directory is fresh, can be filled without filling anybody's disk, and is gone afterwards."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from pathlib import Path

import pytest

from patchstorm.errors import UsageError
from patchstorm.live import storage as storages
from patchstorm.live.storage import Storage, UnavailableStorage, opened, parse_storage

MIB = 1 << 20


def test_a_fresh_directory_is_gone_afterwards_with_all_that_is_in_it() -> None:
    async def run() -> list[Path]:
        tops = []
        for _ in range(2):
            async with opened() as storage:
                assert list(storage.view.iterdir()) == []
                (storage.root / "deep" / "er").mkdir(parents=True)
                (storage.root / "deep" / "file").write_bytes(b"x")
                (storage.root / "deep").chmod(0o500)
                tops.append(storage.root.parent)
        return tops

    first, second = asyncio.run(run())
    assert first != second
    assert not first.exists()
    assert not second.exists()


def test_it_is_gone_after_an_error_too() -> None:
    seen: list[Path] = []

    async def run() -> None:
        async with opened() as storage:
            seen.append(storage.root)
            raise RuntimeError("in the middle of the storm")

    with pytest.raises(RuntimeError):
        asyncio.run(run())
    assert not seen[0].parent.exists()


def test_a_directory_of_ones_own_is_used_and_left_clean(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert storage.root.is_relative_to(tmp_path)

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_without_shared_memory_another_directory_serves_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "SHARED_MEMORY", tmp_path / "no-shm")
    monkeypatch.setattr(storages.tempfile, "tempdir", str(tmp_path))

    async def run() -> tuple[Path, tuple[str, ...]]:
        async with opened() as storage:
            return storage.root, storage.notes

    root, notes = asyncio.run(run())
    assert root.is_relative_to(tmp_path)
    assert "no writable tmpfs" in notes[0]


@pytest.mark.parametrize("spec", ["dir:/proc/nowhere", "tmpfs,colour=red", "tmpfs,size=many"])
def test_what_cannot_be_used_is_told(spec: str) -> None:
    async def run() -> None:
        kind, size_bytes = parse_storage(spec)
        async with opened(kind, size_bytes=size_bytes):
            pytest.fail("this is no storage")

    with pytest.raises(UsageError) as error:
        asyncio.run(run())
    assert spec.partition(",")[0].removeprefix("dir:") in str(error.value)


def test_another_flavour_is_a_reason_to_skip() -> None:
    async def run() -> None:
        async with opened("nfs4"):
            pytest.fail("processes have no NFS here")

    with pytest.raises(UnavailableStorage, match=r"nfs4.*--world"):
        asyncio.run(run())


def small(size_bytes: int) -> Storage:
    """Whether this machine can mount a tmpfs of its own; skips with the reason if not."""

    async def probe() -> Storage:
        async with opened(size_bytes=size_bytes) as storage:
            return storage

    try:
        return asyncio.run(probe())
    except UnavailableStorage as reason:
        pytest.skip(str(reason))


def test_a_small_disk_fills_up_for_those_who_enter_it_and_for_nobody_else() -> None:
    small(4 * MIB)

    async def run() -> None:
        mounts = Path("/proc/self/mounts").read_text()
        async with opened(size_bytes=4 * MIB) as storage:
            assert Path("/proc/self/mounts").read_text() == mounts
            write = ["dd", "if=/dev/zero", f"of={storage.root}/x", "bs=64k", "count=1"]
            inside = [*storage.entry, *write]
            assert subprocess.run(inside, capture_output=True, check=False).returncode == 0
            assert (storage.view / "x").stat().st_size == 65_536
            size = storage.fill()
            assert 3 * MIB < size < 4 * MIB
            write[2] = f"of={storage.root}/y"
            full = subprocess.run(
                [*storage.entry, *write], capture_output=True, check=False, text=True
            )
            assert os.strerror(errno.ENOSPC) in full.stderr
            storage.free()
            assert subprocess.run(inside, capture_output=True, check=False).returncode == 0

    asyncio.run(run())


def test_a_small_disk_is_unmounted_by_going_away() -> None:
    top = small(MIB).root.parent.parent
    assert not top.exists()
    assert str(top) not in Path("/proc/self/mounts").read_text()


def test_a_shared_disk_is_never_filled() -> None:
    async def run() -> None:
        async with opened() as storage:
            storage.fill()

    with pytest.raises(UnavailableStorage, match="size=16MiB"):
        asyncio.run(run())
