"""What every test may rely on."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from pathlib import Path

import pytest

try:
    from hypothesis import HealthCheck, settings
except ModuleNotFoundError:  # other Pythons run some of the tests with less installed
    pass
else:
    # How long an example takes is the machine's affair: by default more than 200 ms are a failure.
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a plain shell: the tests' own children have to hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Started with nohup: children inherit that a signal is ignored, but not that it is handled.
    signal.signal(signal.SIGHUP, lambda *_: None)

# What one test finds is nothing to another; the tests of the corpus take this away.
os.environ["PATCHSTORM_NO_CORPUS"] = "1"


@pytest.fixture(scope="session")
def appending_failure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The failure of the appending store in the simulator, for who only reads it.

    Found and shrunk once, by the first of the processes that run the tests to need it.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # of this run, and of all its processes
    told = place / "appending.txt"
    with open(place / "appending.lock", "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not told.exists():
            from patchstorm.campaign.explore import explore

            folder = tmp_path_factory.mktemp("appending")
            explored = explore(
                "replaying", "reference:append", seed=1, schedules=50, jobs=1, out_dir=folder
            )
            told.write_text(str(explored.failures[0]))
    return Path(told.read_text())


@pytest.fixture
def reports_end_with_the_test(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storm that finds something keeps its files; these need not outlive the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("reports")))
