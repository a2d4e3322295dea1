"""From the word after ``--target`` to a :class:`Target`.

``reference`` and every other bundled name, ``NAME:VARIANT``, ``bug:NAME`` (a correct store with one
planted bug), ``innocent:NAME`` (the same repaired) or the path of a TOML file, with
``FILE.toml:VARIANT`` for its variants.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from patchstorm.errors import UsageError
from patchstorm.scenario.units import nearest
from patchstorm.target.load import load_target, parse_target, read_text
from patchstorm.target.model import REFERENCE, Target, varied

PLANTED = ("bug", "innocent")
BUG_SERVER = "patchstorm.catalog.serve"


def is_path(name: str) -> bool:
    """Whether ``name`` means a file, of one's own, rather than what ships with the harness."""
    base = name.partition(":")[0]
    return base not in PLANTED and (base.endswith(".toml") or "/" in base)


def anywhere(name: str) -> str:
    """``name`` as it is understood in another directory too: a file by its whole path."""
    base, colon, variant = name.partition(":")
    return f"{Path(base).absolute()}{colon}{variant}" if is_path(name) else name


def text_of(name: str) -> str | None:
    """What stands in the file that ``name`` means; None where it means none that can be read."""
    if not is_path(name):
        return None
    try:
        return read_text(Path(name.partition(":")[0]))
    except UsageError:
        return None


def from_text(name: str, text: str) -> Target:
    """The target called ``name`` where ``text`` stood in its file. Raises UsageError as :func:`resolve`."""
    base, _, variant = name.partition(":")
    path = Path(base)
    target = parse_target(text, source=base, here=str(path.parent), origin=base)
    return _varied(target, base, variant)


def given(target: Target | str) -> Target:
    """A target that was handed over, or the one that is called so, as :func:`resolve` finds it."""
    return resolve(target) if isinstance(target, str) else target


def resolve(name: str) -> Target:
    """The target called ``name``; UsageError with the nearest right name if there is none."""
    base, _, variant = name.partition(":")
    if base in PLANTED:
        return _planted(name)
    if base in bundled_names():
        target = _bundled(base)
    elif is_path(base):
        target = load_target(Path(base))
    else:
        known = [*bundled_names(), "bug:NAME", "innocent:NAME", "PATH.toml"]
        raise UsageError(f"--target {name}: no such target: {nearest(name, known)}")
    return _varied(target, base, variant)


def _varied(target: Target, base: str, variant: str) -> Target:
    if not variant:
        return target
    if variant not in target.variants:
        raise UsageError(
            f"--target {base}:{variant}: `{base}` has no variant `{variant}`: "
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


def _planted(name: str) -> Target:
    """A base of the catalogue, served by the catalogue's own command with this code in it."""
    from patchstorm.catalog.table import base_of

    base_name = base_of(name)
    base = _bundled(REFERENCE) if base_name == REFERENCE else _of_catalogue(base_name)
    command = base.start.command
    options = command[command.index("--root") :]
    start = msgspec.structs.replace(
        base.start, command=("{python}", "-m", BUG_SERVER, name, *options)
    )
    return msgspec.structs.replace(base, name=name, origin=name, start=start, variants={})


def _of_catalogue(base: str) -> Target:
    """What only the catalogue knows how to serve, so that it is no bundled name."""
    text = (resources.files("patchstorm.catalog") / f"{base}.toml").read_text(encoding="utf-8")
    return parse_target(text, source=f"{base}.toml")
