"""aiotus, unchanged: the same upload, with its own ideas about retrying."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from client_support import CuttingProxy

from chunkstore.testing import Fleet

aiotus = pytest.importorskip("aiotus", reason="aiotus is not installed")

MIB = 1 << 20


def upload(url: str, path: Path, name: str, chunk_bytes: int = MIB) -> object:
    config = aiotus.RetryConfiguration(retry_attempts=5, max_retry_period_seconds=0.05)
    with path.open("rb") as file:
        return asyncio.run(
            aiotus.upload(
                url, file, {"filename": name.encode()}, config=config, chunksize=chunk_bytes
            )
        )


def test_an_upload_in_chunks(fleet: Fleet, original: Path) -> None:
    location = upload(fleet.url(2), original, "aiotus.bin")
    assert location is not None
    assert (fleet.root / "aiotus.bin").read_bytes() == original.read_bytes()
    read_back = asyncio.run(aiotus.metadata(str(location)))
    assert read_back == {"filename": b"aiotus.bin"}


def test_broken_connections_are_resumed_on_other_replicas(fleet: Fleet, original: Path) -> None:
    ports = [replica.port for replica in fleet.replicas]
    with CuttingProxy(ports, [1_500_000, 900_000, 2_000_000]) as proxy:
        assert upload(proxy.url, original, "broken.bin", 2 * MIB) is not None
        assert proxy.broken >= 1
    assert (fleet.root / "broken.bin").read_bytes() == original.read_bytes()


def test_the_servers_configuration_is_understood(fleet: Fleet) -> None:
    async def ask() -> object:
        import aiohttp

        async with aiohttp.ClientSession() as session:
            return await aiotus.core.configuration(session, fleet.url(0))

    found = asyncio.run(ask())
    assert found.protocol_versions == ["1.0.0"]  # type: ignore[attr-defined]
    assert "creation-with-upload" in found.protocol_extensions  # type: ignore[attr-defined]
