"""A guest for the tests of one worker, booted when one needs it; or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from patchstorm.live.storage import UnavailableStorage
from patchstorm.worlds.nfs.guest import MEMORY_MIB
from patchstorm.worlds.nfs.guests import Guests
from patchstorm.worlds.nfs.machine import find_machine


@pytest.fixture(scope="session")
def machine_that_can() -> None:
    """Skips where no guest can run."""
    try:
        find_machine(MEMORY_MIB)
    except UnavailableStorage as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def guests(machine_that_can: None) -> Iterator[Guests]:
    """One guest, used by one storm after the other."""
    with Guests() as found:
        yield found
