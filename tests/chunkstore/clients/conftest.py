"""Fixtures of the tests with clients that other people wrote."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import client_tools
import pytest

from chunkstore.testing import Fleet

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
def node_modules() -> Path:
    """A directory with tus-js-client installed: the one named in the environment, or the tests' own."""
    given = os.environ.get(NODE_MODULES)
    if given and (Path(given) / "tus-js-client").is_dir():
        return Path(given)
    try:
        return client_tools.node_modules(client_tools.TUS_JS_CLIENT)
    except client_tools.Missing as reason:
        pytest.skip(str(reason))
