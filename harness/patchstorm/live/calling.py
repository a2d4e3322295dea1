"""Where the programs that clients can be lie on this machine, and what is missing where they do not."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Final, Literal, cast

import msgspec

from patchstorm.dialect.registry import dialect_of
from patchstorm.dialect.wire import Wire
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.programs import PROGRAMS, REMEDIES, Program, words_of
from patchstorm.scenario.workloads.program import KIND, Options
from patchstorm.target.installing import install_dir, not_installed
from patchstorm.target.model import Install, Start, Target

CALLERS: Final = Path(__file__).with_name("callers")


def programs_missing(plan: Plan, target: Target) -> str | None:
    """Why a plan's clients that are programs cannot be run here, with the remedy; None if they can."""
    if plan.needs_programs and dialect_of(target.dialect).heard is None:
        return f"clients of others that speak {target.dialect} are not understood"
    for client in plan.clients:
        if client.kind == KIND.name:
            options = msgspec.convert(client.options, Options)
            reason = _no_command(options.command) if options.command else missing(options.program)
            if reason is not None:
                return f"client {client.name}: {reason}"
    return None


def _no_command(command: str) -> str | None:
    word = words_of(command)[0]
    return None if shutil.which(word) else f"there is no program `{word}` here"


def missing(name: str) -> str | None:
    """Why the program of this row cannot be run here, with the remedy; None if it can."""
    row = PROGRAMS[name]
    for needed in row.needs:
        if shutil.which(needed) is None:
            return f"{name} needs `{needed}`, which is not here: {REMEDIES[needed]}"
    if row.module:
        there = importlib.util.find_spec(row.module) is not None
        return None if there else f"{name} is not installed here: run `{row.remedy}`"
    return not_installed(installable(row))


def installable(row: Program) -> Target:
    """A row as what ``patchstorm target install`` takes."""
    client = cast(Literal["npm", "maven"], row.client)
    return Target(
        name=row.name,
        capabilities=(),
        start=Start(),
        wire=Wire(path="/"),
        version=row.packages[0].rpartition("@" if client == "npm" else ":")[2],
        install=Install(client=client, packages=row.packages),
        origin=row.name,
    )


def command_of(program: str, command: str) -> tuple[str, ...]:
    """The words of what is to be run, with those placeholders filled that depend on this machine alone.

    A word of a user's own that is the path of a file here is made whole, since it is run elsewhere.
    """
    if command:
        return tuple(_whole(word) for word in words_of(command))
    row = PROGRAMS[program]
    folder = "" if row.module else str(install_dir(installable(row)))
    kept = {name: f"{{{name}}}" for name in ("endpoint", "file", "state", "chunk")}
    return tuple(
        word.format(python=sys.executable, programs=CALLERS, install=folder, **kept)
        for word in row.command
    )


def _whole(word: str) -> str:
    path = Path(word)
    return str(path.absolute()) if ("/" in word and path.exists()) or path.is_file() else word
