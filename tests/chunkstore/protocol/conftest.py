"""Fixtures of the wire's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from wire_support import SECRET, Wire

from chunkstore.config import Settings
from chunkstore.model import Options
from chunkstore.port import OsPort
from chunkstore.store import Store


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    settings = Settings(secret=SECRET, size_max=1 << 30)
    store = Store(OsPort(), str(tmp_path), Options(size_max=settings.size_max))
    return Wire(store, tmp_path, settings)
