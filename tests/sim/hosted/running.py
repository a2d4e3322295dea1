"""What the tests of simulated servers share: a target's file to a session, and schedules of a storm."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.scenario.library import load

SERVERS = Path(__file__).parent / "servers"


def needs(*modules: str) -> None:
    """Skip the test where this Python lacks a package."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed; `pip install patchstorm[dev]`")


@cache
def session(server: str, storm: str, storage: str = "tmpfs") -> Session:
    """Schedules of ``storm`` against the server whose file is called so."""
    target = server if server == "tuspyserver" else str(SERVERS / f"{server}.toml")
    return Session.of(Search(scenario=load(storm), target=target, seed=1, storage=storage))


def found(server: str, storm: str, count: int, *, until: str | None = None) -> list[Told]:
    """The first ``count`` schedules; only up to the first that the checker ``until`` speaks of."""
    told = []
    for index in range(count):
        told.append(session(server, storm).tell(index))
        if until is not None and until in {one.checker for one in told[-1].findings}:
            break
    return told


def accused(told: list[Told]) -> set[str]:
    """Who found something in them."""
    return {finding.checker for one in told for finding in one.findings}
