"""tuspy, unchanged: uploads, resumes after broken connections, on whatever replica it lands."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_support import CuttingProxy

from chunkstore.testing import Fleet

tusclient = pytest.importorskip("tusclient.client", reason="tuspy is not installed")

MIB = 1 << 20


def test_an_upload_in_chunks(fleet: Fleet, original: Path) -> None:
    client = tusclient.TusClient(fleet.url(0))
    uploader = client.uploader(
        str(original), chunk_size=MIB, metadata={"filename": "photos/tuspy.bin"}
    )
    uploader.upload()
    assert uploader.offset == original.stat().st_size
    assert (fleet.root / "photos/tuspy.bin").read_bytes() == original.read_bytes()


def test_an_upload_with_checksums(fleet: Fleet, original: Path) -> None:
    client = tusclient.TusClient(fleet.url(0))
    uploader = client.uploader(
        str(original), chunk_size=2 * MIB, metadata={"filename": "sums"}, upload_checksum=True
    )
    uploader.upload()
    assert (fleet.root / "sums").read_bytes() == original.read_bytes()


def test_an_empty_file(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    client = tusclient.TusClient(fleet.url(0))
    client.uploader(str(tmp_path / "empty"), metadata={"filename": "nothing"}).upload()
    assert (fleet.root / "nothing").read_bytes() == b""


def test_broken_connections_are_resumed_on_other_replicas(fleet: Fleet, original: Path) -> None:
    ports = [replica.port for replica in fleet.replicas]
    # Connections: creation, a PATCH that breaks, a HEAD, a PATCH that breaks, and so on.
    cuts = [10 * MIB, 700_000, 10 * MIB, 300_000]
    with CuttingProxy(ports, cuts) as proxy:
        client = tusclient.TusClient(proxy.url)
        uploader = client.uploader(
            str(original),
            chunk_size=MIB,
            metadata={"filename": "broken.bin"},
            retries=5,
            retry_delay=0,
        )
        uploader.upload()
        assert proxy.broken == 2
        assert proxy.connections > 5
    assert (fleet.root / "broken.bin").read_bytes() == original.read_bytes()


def test_a_new_process_goes_on_where_the_old_one_stopped(fleet: Fleet, original: Path) -> None:
    first = tusclient.TusClient(fleet.url(0)).uploader(
        str(original), chunk_size=MIB, metadata={"filename": "later.bin"}
    )
    first.upload(stop_at=2 * MIB)
    elsewhere = first.url.replace(str(fleet.replicas[0].port), str(fleet.replicas[1].port))
    second = tusclient.TusClient(fleet.url(1)).uploader(
        str(original), chunk_size=MIB, url=elsewhere
    )
    assert second.offset == 2 * MIB
    second.upload()
    assert (fleet.root / "later.bin").read_bytes() == original.read_bytes()
