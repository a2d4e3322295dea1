"""Litmus programs of one's own, read from TOML: their steps, where they are to run, what was seen
elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchstorm.campaign.litmus_tables import MOUNTS, REMEDY, ProgramTable, SeenTable, litmus_tables
from patchstorm.errors import UsageError
from patchstorm.reading import parse_toml, read_text, told
from patchstorm.storage.litmus.checking import check_steps
from patchstorm.storage.litmus.program import ANYTHING, OF_NETWORKS, Program, parse_program, verbs
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.litmus.search import deadlock
from patchstorm.storage.parse import FlavourError, parse_flavour

NAME_BYTES_MAX = 100
"""It becomes part of a file's name."""
_WORDS = ("par", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """``seen`` are outcomes that a mount elsewhere gave: flavour of the model, program, outcome."""

    programs: tuple[Program, ...]
    seen: tuple[tuple[str, Program, Outcome], ...]


def read_files(paths: Sequence[Path]) -> Own | None:
    """What all of ``paths`` hold together; None where there are none. UsageError for a name that two give."""
    own: list[Own] = []
    first: dict[str, Path] = {}
    for at, path in enumerate(paths):
        if path in paths[:at]:
            raise UsageError(f"{path}: is given twice; leave one out.")
        own.append(read_programs(path))
        for program in own[-1].programs:
            other = first.setdefault(program.name, path)
            if other is not path:
                raise UsageError(
                    f"{path}: program `{program.name}`: {other} has one of that name; rename one, or give "
                    "one file after the other."
                )
    if not own:
        return None
    return Own(
        programs=tuple(program for one in own for program in one.programs),
        seen=tuple(seen for one in own for seen in one.seen),
    )


def read_programs(path: Path) -> Own:
    """What ``path`` holds. UsageError names the file, the program, the key and the step that is wrong."""
    document = parse_toml(read_text(path, REMEDY), str(path))
    programs: dict[str, Program] = {}
    seen: list[tuple[str, Program, Outcome]] = []
    for found in litmus_tables(document, str(path)):
        where = f"{path}: program `{found.name}`"
        if found.name in programs:
            raise UsageError(f"{where}: there are two of that name; rename one.")
        program = programs[found.name] = _program(found, where)
        seen += [(one.mount, program, _outcome(one, program, where)) for one in found.seen]
    return Own(programs=tuple(programs.values()), seen=tuple(seen))


def _program(found: ProgramTable, where: str) -> Program:
    name = found.name
    if not name.replace("-", "").replace("_", "").isalnum() or len(name.encode()) > NAME_BYTES_MAX:
        raise UsageError(
            f"{where}: a name is made of letters, digits, - and _, {NAME_BYTES_MAX} bytes at most."
        )
    lines = [text for line in found.steps.splitlines() if (text := line.strip())]
    try:
        check_steps(lines)
    except ValueError as error:
        raise UsageError(f"{where}: {error}. {REMEDY}") from None
    if found.mounts == []:
        raise UsageError(
            f"{where}: `mounts` names none; leave it out for all mounts, or name some, as in {MOUNTS}."
        )
    for mount in found.mounts or ():
        _check_mount(mount, f"{where}: `mounts`")
    text = "\n".join(
        line if line in _WORDS or "->" in line else f"{line} {ANYTHING}" for line in lines
    )
    program = parse_program(name, found.about, text, tuple(found.mounts or ()))
    _check_ends(program, where)
    return program


def _check_ends(program: Program, where: str) -> None:
    """UsageError for a race that may never end: a real mount would be waited for in vain."""
    flavour = next(iter(program.runs_on), "nfs4.2" if verbs(program) & OF_NETWORKS else "tmpfs")
    stuck = deadlock(program, flavour)
    if stuck:
        steps = " and ".join(f"`{step.host} {step.commands}`" for step in stuck)
        raise UsageError(
            f"{where}: {steps} can wait for ever for a lock that nobody gives back; take locks in one "
            "order, and close or `unlock` what a race waits for."
        )


def _check_mount(mount: str, where: str) -> None:
    try:
        parse_flavour(mount)
    except FlavourError as error:
        raise UsageError(told(f"{where}: {error}")) from None


def _outcome(seen: SeenTable, program: Program, where: str) -> Outcome:
    _check_mount(seen.mount, f"{where}: `mount` of [[program.seen]]")
    served = sorted(verbs(program) & OF_NETWORKS)
    if served and parse_flavour(seen.mount).nfs is None:
        raise UsageError(
            f"{where}: `{served[0]}` needs a server, and {seen.mount} has none; correct the mount."
        )
    try:
        values: Any = json.loads(seen.outcome)
    except ValueError as error:
        raise UsageError(f"{where}: outcome {seen.outcome!r} is no JSON ({error}).") from None
    if not isinstance(values, list) or len(values) != len(program.steps):
        raise UsageError(
            f"{where}: outcome {seen.outcome!r}: a list of {len(program.steps)} results is wanted, one for "
            "each step, null for a step that shows nothing."
        )
    return tuple(values)
