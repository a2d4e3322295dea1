"""Options of clients and faults, drawn from what they declare: a new one is drawn without a line here."""

from __future__ import annotations

from typing import Final

import msgspec

from patchstorm.choice.chooser import Chooser
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.faults import Fault
from patchstorm.scenario.model import Scalar
from patchstorm.scenario.modifiers import STALLS_MS
from patchstorm.scenario.options import Option, options_of

PERMILLE: Final = (0, 200, 600, 1000)
COUNT_SPAN: Final = 4
BYTES_MIN: Final = 31
"""Pieces of fewer bytes make a storm long and tell nothing more."""
RUNS: Final = (1, 3, 12, 60)
LASTING_TENTHS: Final = (10, 1, 40)
LEASES_MS: Final = 35_000
"""Longer than any lease that servers hold."""
_STANDING_STILL: Final = ("pause", "partition", "partition-storage")


def drawn_options(
    chooser: Chooser, name: str, struct: type[msgspec.Struct], ground: Ground, chunk: int
) -> dict[str, Scalar]:
    """A value for each option of ``struct``: its default in half of the cases, else another that it
    allows."""
    drawn: dict[str, Scalar] = {}
    for key, option in options_of(struct).items():
        if chooser.draw(f"{name}/{key}/drawn", 2):
            drawn[key] = _value(chooser, f"{name}/{key}", option, ground, chunk)
        else:
            drawn[key] = option.default
    whole: dict[str, Scalar] = msgspec.to_builtins(msgspec.convert(drawn, struct))
    return whole


def _value(chooser: Chooser, name: str, option: Option, ground: Ground, chunk: int) -> Scalar:
    if option.unit == "flag":
        return bool(chooser.draw(name, 2))
    if option.name == "path":
        everywhere = (str(option.default), *ground.paths)
        return everywhere[chooser.draw(name, len(everywhere))]
    if option.unit == "word":
        return (
            option.words[chooser.draw(name, len(option.words))] if option.words else option.default
        )
    if option.unit == "permille":
        return PERMILLE[chooser.draw(name, len(PERMILLE))]
    if option.name == "stall_ms":
        return min(
            STALLS_MS[chooser.draw(name, len(STALLS_MS))], (ground.request_ms or STALLS_MS[0]) // 2
        )
    if option.unit == "ms":
        default = int(option.default)
        return default if default >= 1_000 else (0, 1, 10, 60)[chooser.draw(name, 4)]
    low, high = option.low or 0, option.high
    if option.unit == "bytes":
        sizes = [max(low, BYTES_MIN, size) for size in (chunk // 3, chunk - 1, chunk + 1)]
        return sizes[chooser.draw(name, len(sizes))]
    if option.name == "calls":  # single ones, and runs of them
        return RUNS[chooser.draw(name, len(RUNS))]
    most = low + COUNT_SPAN if high is None else min(high, low + COUNT_SPAN)
    return low + chooser.draw(name, most - low + 1)


def lasting_ms(chooser: Chooser, name: str, row: Fault) -> int | None:
    """How long a fault lasts: as usual, a tenth of that, four times as long, or longer than any lease."""
    if row.default_ms is None:
        return None
    draw = chooser.draw(f"{name}/for", 8)
    if draw == 7 and row.name in _STANDING_STILL:
        return LEASES_MS
    return max(1, row.default_ms * LASTING_TENTHS[draw % 3] // 10) if row.default_ms else 0
