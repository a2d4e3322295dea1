"""Litmus programs of one's own, read from TOML: their steps, where they are to run, what was seen
elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from patchstorm.errors import UsageError
from patchstorm.reading import parse_toml, read_text, told
from patchstorm.storage.litmus.checking import check_steps
from patchstorm.storage.litmus.program import ANYTHING, OF_NETWORKS, Program, parse_program, verbs
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.parse import FlavourError, parse_flavour

REMEDY = "A file of litmus programs is described in docs/nfs.md."
NAME_BYTES_MAX = 100
"""It becomes part of a file's name."""
_WORDS = ("par", "end")


class _Seen(msgspec.Struct, forbid_unknown_fields=True):
    mount: str
    outcome: str


class _Program(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    steps: str
    about: str = ""
    mounts: list[str] = []
    seen: list[_Seen] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    program: list[_Program]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """``seen`` are outcomes that a mount elsewhere gave: flavour of the model, program, outcome."""

    programs: tuple[Program, ...]
    seen: tuple[tuple[str, Program, Outcome], ...]


def read_programs(path: Path) -> Own:
    """What ``path`` holds. UsageError names the file, the program and the line that is wrong."""
    document = parse_toml(read_text(path, REMEDY), str(path))
    try:
        file = msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {told(str(error))}. {REMEDY}") from None
    programs: dict[str, Program] = {}
    seen: list[tuple[str, Program, Outcome]] = []
    for found in file.program:
        where = f"{path}: program `{found.name}`"
        if found.name in programs:
            raise UsageError(f"{where}: there are two of that name; rename one.")
        program = programs[found.name] = _program(found, where)
        seen += [(one.mount, program, _outcome(one, program, where)) for one in found.seen]
    if not programs:
        raise UsageError(f"{path}: holds no [[program]]. {REMEDY}")
    return Own(programs=tuple(programs.values()), seen=tuple(seen))


def _program(found: _Program, where: str) -> Program:
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
    for mount in found.mounts:
        _check_mount(mount, where)
    text = "\n".join(
        line if line in _WORDS or "->" in line else f"{line} {ANYTHING}" for line in lines
    )
    return parse_program(name, found.about, text, tuple(found.mounts))


def _check_mount(mount: str, where: str) -> None:
    try:
        parse_flavour(mount)
    except FlavourError as error:
        raise UsageError(f"{where}: {error}") from None


def _outcome(seen: _Seen, program: Program, where: str) -> Outcome:
    _check_mount(seen.mount, where)
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
