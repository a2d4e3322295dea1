"""``patchstorm list``: what can be named on the command line or in a file, each with one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec

from patchstorm.errors import UsageError


class Entry(msgspec.Struct, frozen=True):
    """A name and what it stands for."""

    name: str
    says: str


def execute(what: str, *, json: bool) -> int:
    """Print the list called ``what``; UsageError if there is none."""
    make = LISTS.get(what)
    if make is None:
        raise UsageError(f"There is no list of `{what}`. Lists: {', '.join(LISTS)}.")
    entries = make()
    if json:
        sys.stdout.write(msgspec.json.encode({what: entries}).decode() + "\n")
    else:
        _tell(entries)
    return 0


def _tell(entries: list[Entry]) -> None:
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        sys.stdout.write(f"{entry.name:{width}}  {entry.says}".rstrip() + "\n")


def _scenarios() -> list[Entry]:
    from patchstorm.scenario import library

    return [Entry(scenario.name, scenario.title) for scenario in library.load_all()]


def _targets() -> list[Entry]:
    from patchstorm.target.registry import bundled_names, resolve

    entries: list[Entry] = []
    for name in bundled_names():
        target = resolve(name)
        entries.append(Entry(name, target.title))
        entries += [
            Entry(f"{name}:{variant}", f"{name}, started as its variant {variant}")
            for variant in target.variants
        ]
    entries.append(
        Entry("bug:NAME", "a correct store with one planted bug; `list bugs` names them")
    )
    entries.append(Entry("innocent:NAME", "the same code, the mistake repaired"))
    entries.append(Entry("PATH.toml", "a server of yours, described as in docs/targets.md"))
    return entries


def _checks() -> list[Entry]:
    from patchstorm.check.registry import CHECKERS

    return [Entry(checker.name, checker.says) for checker in CHECKERS]


def _faults() -> list[Entry]:
    from patchstorm.scenario.faults import FAULTS
    from patchstorm.worlds.registry import all_means

    means = all_means()
    return [
        Entry(name, f"{row.says} ({', '.join(one for one in means if name in means[one].faults)})")
        for name, row in FAULTS.items()
    ]


def _storages() -> list[Entry]:
    from patchstorm.worlds.registry import DEFAULT_STORAGE, worlds

    says: dict[str, tuple[str, list[str]]] = {}
    for world in worlds():
        for name, text in world.storages().items():
            usual = f"{text}; the default" if name == DEFAULT_STORAGE else text
            says.setdefault(name, (usual, []))[1].append(world.name)
    return [Entry(name, f"{text} ({', '.join(worlds)})") for name, (text, worlds) in says.items()]


def _worlds() -> list[Entry]:
    from patchstorm.worlds.registry import worlds

    return [Entry(world.name, world.says) for world in worlds()]


def _bugs() -> list[Entry]:
    from patchstorm.catalog.table import BUGS, BY_NAME, INNOCENTS

    entries = [Entry(bug.name, f"{bug.says} ({bug.stands_for})") for bug in BUGS]
    bases = [name for name in INNOCENTS if name not in BY_NAME]
    for name in (*bases, *(name for name in INNOCENTS if name in BY_NAME)):
        entries.append(Entry(f"innocent:{name}", INNOCENTS[name].says))
    return entries


LISTS: dict[str, Callable[[], list[Entry]]] = {
    "scenarios": _scenarios,
    "targets": _targets,
    "checks": _checks,
    "faults": _faults,
    "storages": _storages,
    "worlds": _worlds,
    "bugs": _bugs,
}
