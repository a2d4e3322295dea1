"""Fixtures of the tests with clients that other people wrote."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chunkstore.testing import Fleet

TUS_JS_CLIENT = "tus-js-client@4.3.1"
NODE_MODULES = "CHUNKSTORE_NODE_MODULES"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three replicas over one directory, for all uploads of one client: each has a name of its own."""
    with Fleet(tmp_path_factory.mktemp("fleet"), 3) as running:
        yield running


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Five mebibytes and a bit, different at every place."""
    path = tmp_path / "original.bin"
    path.write_bytes(random.Random(7).randbytes((5 << 20) + 12_345))
    return path


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with tus-js-client installed: the one named in the environment, or a new one."""
    given = os.environ.get(NODE_MODULES)
    if given and (Path(given) / "tus-js-client").is_dir():
        return Path(given)
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("tus-js-client needs node and npm, and this machine has not both")
    directory = tmp_path_factory.mktemp("npm")
    command = [
        "npm",
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        TUS_JS_CLIENT,
    ]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry did not answer within 120 s")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {TUS_JS_CLIENT}: {done.stderr.strip()[-300:]}")
    return directory / "node_modules"
