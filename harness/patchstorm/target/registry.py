"""From the word after ``--target`` to a :class:`Target`.

``reference`` and every other bundled name, ``NAME:VARIANT``, ``bug:NAME`` (the reference with one
planted bug) or the path of a TOML file, with ``FILE.toml:VARIANT`` for its variants.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from patchstorm.errors import UsageError
from patchstorm.scenario.units import nearest
from patchstorm.target.load import load_target, parse_target
from patchstorm.target.model import REFERENCE, Target, varied

BUG = "bug"
BUG_SERVER = "patchstorm.catalog.serve"


def resolve(name: str) -> Target:
    """The target called ``name``; UsageError with the nearest right name if there is none."""
    base, _, variant = name.partition(":")
    if base == BUG:
        return _with_bug(variant)
    if base in bundled_names():
        target = _bundled(base)
    elif base.endswith(".toml") or "/" in base:
        target = load_target(Path(base))
    else:
        known = [*bundled_names(), "bug:NAME", "PATH.toml"]
        raise UsageError(f"--target {name}: no such target: {nearest(name, known)}")
    if not variant:
        return target
    if variant not in target.variants:
        raise UsageError(
            f"--target {name}: `{base}` has no variant `{variant}`: "
            + nearest(variant, list(target.variants) or ["(it has none)"])
        )
    return varied(target, variant)


def bundled_names() -> tuple[str, ...]:
    """The names of the targets that ship with the harness, the reference first."""
    names = sorted(
        entry.name.removesuffix(".toml")
        for entry in _folder().iterdir()
        if entry.name.endswith(".toml")
    )
    return tuple(sorted(names, key=lambda name: name != REFERENCE))


def _bundled(name: str) -> Target:
    entry = _folder() / f"{name}.toml"
    with resources.as_file(entry) as path:
        here = str(path.resolve().parent)
    return parse_target(
        entry.read_text(encoding="utf-8"), source=f"{name}.toml", here=here, origin=name
    )


def _folder() -> Traversable:
    return resources.files("patchstorm.target") / "bundled"


def _with_bug(bug: str) -> Target:
    """The reference, served by the catalogue's own command with one planted bug in it."""
    from patchstorm.catalog.table import BY_NAME

    if bug not in BY_NAME:
        raise UsageError(
            f"--target {BUG}:{bug}: no such planted bug: {nearest(bug, list(BY_NAME))}"
        )
    reference = _bundled(REFERENCE)
    command = reference.start.command
    at = command.index("chunkstore")
    start = msgspec.structs.replace(
        reference.start, command=(*command[:at], BUG_SERVER, bug, *command[at + 1 :])
    )
    name = f"{BUG}:{bug}"
    return msgspec.structs.replace(reference, name=name, origin=name, start=start, variants={})
