"""Shorter waits for programs that speak of a lease of 90 seconds, where a real server's is ten."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from patchstorm.storage.litmus.program import Program, Race, Step

LEASE: Final = "lease=10,grace=10"
SHORTER: Final = {"60": "6", "40": "12", "100": "18", "1000": "20"}
"""60 s is within a lease of 90, 60 and 40 are past it, and a server may take a while to notice."""


def hastened(program: Program) -> Program:
    """``program`` for a mount whose server has a lease of ten seconds."""
    return replace(program, parts=tuple(_part(part) for part in program.parts))


def _part(part: Step | Race) -> Step | Race:
    if isinstance(part, Race):
        return part
    word, _, seconds = part.commands.partition(" ")
    if word != "sleep":
        return part
    return replace(part, commands=f"sleep {SHORTER.get(seconds, seconds)}")


def patience_s(program: Program) -> float:
    """How long a program sleeps."""
    return sum(
        float(step.commands.split()[1])
        for step in program.steps
        if step.commands.startswith("sleep")
    )
