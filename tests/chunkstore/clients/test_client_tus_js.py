"""tus-js-client under node, unchanged: what browsers use."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from client_support import CuttingProxy

from chunkstore.testing import Fleet

pytestmark = pytest.mark.needs_node

MIB = 1 << 20
SCRIPT = Path(__file__).with_name("programs") / "upload.cjs"


def upload(modules: Path, endpoint: str, file: Path, name: str, **options: object) -> Any:
    wanted = {
        "module": str(modules / "tus-js-client"),
        "endpoint": endpoint,
        "file": str(file),
        "name": name,
        "chunkSize": MIB,
        **options,
    }
    done = subprocess.run(
        ["node", str(SCRIPT), json.dumps(wanted)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_upload_in_chunks(node_modules: Path, fleet: Fleet, original: Path) -> None:
    seen = upload(node_modules, fleet.url(1), original, "js/chunks.bin")
    assert seen["retries"] == 0
    assert seen["progress"] == original.stat().st_size
    assert (fleet.root / "js/chunks.bin").read_bytes() == original.read_bytes()


def test_data_during_creation(node_modules: Path, fleet: Fleet, original: Path) -> None:
    upload(node_modules, fleet.url(0), original, "with.bin", withCreation=True)
    assert (fleet.root / "with.bin").read_bytes() == original.read_bytes()


def test_an_empty_file(node_modules: Path, fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    upload(node_modules, fleet.url(0), tmp_path / "empty", "nothing.bin")
    assert (fleet.root / "nothing.bin").read_bytes() == b""


def test_broken_connections_are_resumed_on_other_replicas(
    node_modules: Path, fleet: Fleet, original: Path
) -> None:
    ports = [replica.port for replica in fleet.replicas]
    with CuttingProxy(ports, [1_200_000, 800_000, 1_500_000]) as proxy:
        seen = upload(node_modules, proxy.url, original, "broken.bin")
        assert proxy.broken >= 1
        assert seen["retries"] == proxy.broken
    assert (fleet.root / "broken.bin").read_bytes() == original.read_bytes()


def test_an_offline_token_is_an_upload_url(
    node_modules: Path, fleet: Fleet, original: Path
) -> None:
    token = fleet.token("by-manager", original.stat().st_size, "managed.bin")
    url = fleet.url(2, f"/upload?token={token}")
    upload(node_modules, fleet.url(2), original, "ignored", uploadUrl=url)
    assert (fleet.root / "managed.bin").read_bytes() == original.read_bytes()
