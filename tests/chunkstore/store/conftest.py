"""A world for each test: an empty directory, in memory where there is some."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from storescene import World, scratch


@pytest.fixture
def world() -> Iterator[World]:
    with scratch() as root:
        yield World(root)
