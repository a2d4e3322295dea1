"""Rule 15: what is published is plain data, whichever call made it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from storescene import DATA, World, claims_for

from chunkstore.port import OsPort
from chunkstore.store import Store
from chunkstore.variants import VARIANTS


@pytest.fixture
def umask_022() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


@pytest.mark.usefixtures("umask_022")
@pytest.mark.parametrize("store_type", [Store, *VARIANTS.values()])
@pytest.mark.parametrize("overwrite", [False, True])
def test_published_files_are_0644_and_their_directories_0755(
    world: World, store_type: type[Store], overwrite: bool
) -> None:
    claims = claims_for(overwrite=overwrite, expires_s=1 << 40)
    store = store_type(OsPort(), str(world.root))
    incoming = store.begin(claims, 0, len(DATA))
    incoming.write(DATA)
    incoming.commit()
    published = world.root / claims.target
    assert published.read_bytes() == DATA
    assert mode(published) == "0o644"
    for directory in published.relative_to(world.root).parents[:-1]:
        assert mode(world.root / directory) == "0o755"
    for path in (world.root / ".upload").rglob("*"):
        assert mode(path) == ("0o755" if path.is_dir() else "0o644")
