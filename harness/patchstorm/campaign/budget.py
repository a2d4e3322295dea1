"""How many schedules of a storm are run when nobody says how many."""

from __future__ import annotations

from typing import Final

from patchstorm.scenario.model import Scenario, UploadSpec

SCHEDULES_DEFAULT: Final = 45
"""Schedules of each storm when nobody says how many: together a good half of a minute."""
SCHEDULES_COMPOSED: Final = 400
"""Composed storms are all different, so that more of them see more."""
SCHEDULES_OF_A_CROWD: Final = 6
CONFORMANCE: Final = "conformance"
SCHEDULES_OF_CASES: Final = 2
"""The cases of a conformance storm are asked one request after the other; schedules add little."""
CROWD_UPLOADS: Final = 32
"""So many uploads at once make a schedule many times as long, and fewer of them do."""


CHUNKS_OF_A_CROWD: Final = 128
SCHEDULES_OF_CHUNKS: Final = 12
"""So many chunks, sent as they are, take half a second."""
CHUNKS_OF_MANY: Final = 1_000
SCHEDULES_OF_MANY: Final = 1
"""So many chunks, sent as they are, are a request each, and a schedule takes seconds."""


def schedules_default(scenario: Scenario) -> int:
    """How many schedules of ``scenario`` are run among all storms when nobody says how many."""
    if scenario.compose is not None:
        return SCHEDULES_COMPOSED
    if any(client.kind == CONFORMANCE for client in scenario.clients):
        return SCHEDULES_OF_CASES
    if takes_seconds(scenario):
        return SCHEDULES_OF_MANY
    if not scenario.scale and any(_chunks(spec) > CHUNKS_OF_A_CROWD for spec in scenario.uploads):
        return SCHEDULES_OF_CHUNKS
    uploads = sum(int(spec.count.values[0]) for spec in scenario.uploads)
    return SCHEDULES_OF_A_CROWD if uploads >= CROWD_UPLOADS else SCHEDULES_DEFAULT


def takes_seconds(scenario: Scenario) -> bool:
    """Whether one schedule of it takes as long as hundreds of another storm."""
    return not scenario.scale and any(_chunks(spec) > CHUNKS_OF_MANY for spec in scenario.uploads)


def bounded(scenario: Scenario, schedules: int) -> int:
    """``schedules``, where storms share a budget; of one whose schedules take seconds no more than one."""
    return min(schedules, SCHEDULES_OF_MANY) if takes_seconds(scenario) else schedules


def _chunks(spec: UploadSpec) -> int:
    return int(max(spec.size.values)) // int(min(spec.chunk.values))
