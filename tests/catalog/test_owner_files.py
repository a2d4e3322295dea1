"""Locks that are files with an owner's name leave nothing behind when a call fails on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from chunkstore.model import Claims
from chunkstore.port import OsPort
from patchstorm.catalog.owner_files import OneBreaker


def descriptors() -> set[str]:
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}


def test_a_lock_whose_other_name_cannot_be_removed_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = OsPort()
    failing = False

    def unlink(path: str) -> None:
        nonlocal failing
        if failing and ".held_" in path:
            failing = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.unlink(path)

    monkeypatch.setattr(port, "unlink", unlink)
    store = OneBreaker(port, str(tmp_path))
    claims = Claims(session="a" * 16, size=8, target="wanted.bin", expires_s=1 << 40)
    store.create(claims)
    before = descriptors()
    failing = True
    with pytest.raises(OSError, match="Input/output"):
        store.view(claims)
    assert descriptors() == before
    assert not list(tmp_path.rglob("*.lock"))
    assert store.view(claims).offset == 0


def test_on_a_full_disk_a_delete_takes_its_lock_from_what_was_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = OsPort()
    store = OneBreaker(port, str(tmp_path))
    kept, ended = (
        Claims(session=letter * 16, size=8, target=f"{letter}.bin", expires_s=1 << 40)
        for letter in "ab"
    )
    store.create(kept)
    store.create(ended)
    really = port.open

    def full(path: str, flags: int, mode: int = 0o666) -> int:
        if ".held_" in path and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(path, flags, mode)

    monkeypatch.setattr(port, "open", full)
    assert store.view(kept).offset == store.view(kept).offset == 0
    store.terminate(ended)
    assert {path.name for path in (tmp_path / ".upload").iterdir()} == {
        *(f"{'a' * 16}.{kind}" for kind in ("bin", "info", "spare")),
        f"{'b' * 16}.info",
    }
