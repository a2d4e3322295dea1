"""A worker that is killed is told as that, whatever the crew was doing when it died."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from patchstorm.campaign.crew import Crew
from patchstorm.errors import WorkerDiedError

PATIENCE_S = 30


class KilledMeanwhile(Crew):
    """Its first process is killed, and the death noticed, while the second is started."""

    def _spawn_process(self) -> None:
        processes: dict[int, Any] = self._processes  # type: ignore[assignment]
        for process in list(processes.values()):
            process.kill()
            closing: Any = self._call_queue._reader  # type: ignore[attr-defined]
            deadline = time.monotonic() + PATIENCE_S  # other Pythons may notice only afterwards
            while not closing.closed and time.monotonic() < deadline:
                time.sleep(0.01)
        super()._spawn_process()  # type: ignore[misc]


def test_a_death_while_another_process_is_started_is_told_as_a_death() -> None:
    crew = KilledMeanwhile(2)
    try:
        with pytest.raises(WorkerDiedError, match="killed from outside"):
            for _ in crew.each(abs, iter(range(-9, 0))):
                pass
    finally:
        crew.kill()


def test_a_system_that_starts_no_process_is_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Crew) -> None:
        raise OSError(11, os.strerror(11))

    monkeypatch.setattr(Crew, "_spawn_process", refused)
    crew = Crew(2)
    try:
        with pytest.raises(BlockingIOError):
            next(crew.each(abs, iter([-1])))
    finally:
        crew.kill()
