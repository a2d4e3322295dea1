"""A guest for the tests of one worker, booted when one needs it; or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from patchstorm.live.nfs.guest import MEMORY_MIB
from patchstorm.live.nfs.guests import Guests
from patchstorm.live.nfs.machine import find_machine
from patchstorm.live.storage import UnavailableStorage


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
