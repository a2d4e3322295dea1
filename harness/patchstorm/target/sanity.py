"""Values that no server, path or request can have: refused where they stand in the target's file.

What means something together is judged in :mod:`patchstorm.target.meaning`; here each value is looked at by
itself, before a program is started with it or a request is spoilt by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from patchstorm.target.lines import Mistake
from patchstorm.target.model import Files, Target

MS_MAX: Final = 24 * 3_600_000
"""A day: whoever writes more than that has mistaken the unit."""
OF_THE_CONNECTION: Final = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_BREAKS: Final = re.compile(r"[\r\n\x00]")
_NO_URL: Final = re.compile(r"[\x00-\x20\x7f#]")


def check_values(target: Target) -> None:
    """Raise a :class:`Mistake` for the first value that cannot be."""
    _check_text(target)
    _check_times(target)
    _check_requests(target)
    _check_environment(target)
    _check_places(target.files, "files")
    _check_phases(target.phases, "phases")
    for name, variant in target.variants.items():
        if variant.files is not None:
            _check_places(variant.files, f"variants.{name}.files")
        _check_phases(variant.phases or {}, f"variants.{name}.phases")


def _check_text(target: Target) -> None:
    if not target.name.strip() or "\n" in target.name:
        raise Mistake("name", "name is empty or has a line break. Give a word to call the server.")
    for where, text in _strings(msgspec.to_builtins(target), ""):
        if "\0" in text:
            raise Mistake(
                where, f"{where}: holds a NUL, which no command and no path can. Take it out."
            )


def _strings(value: object, where: str) -> Iterator[tuple[str, str]]:
    """Every string below ``value`` and the dotted key at which it stands; keys are strings, too."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            full = f"{where}.{key}" if where else str(key)
            yield full, str(key)
            yield from _strings(item, full)
    elif isinstance(value, (list, tuple)):
        for at, item in enumerate(value):
            yield from _strings(item, f"{where}[{at}]")


def _check_times(target: Target) -> None:
    times = {
        "start.stop_ms": target.start.stop_ms,
        "ready.within_ms": target.ready.within_ms,
        "settle.convergence_ms": target.settle.convergence_ms,
        "settle.sweep_ms": target.settle.sweep_ms,
        "settle.forget_ms": target.settle.forget_ms,
        "wire.request_ms": target.wire.request_ms,
        "companion.within_ms": target.companion.within_ms if target.companion else None,
        "companion.stop_ms": target.companion.stop_ms if target.companion else None,
    }
    for where, value in times.items():
        if value is not None and not 0 <= value <= MS_MAX:
            raise Mistake(
                where, f"{where}: {value} is no time. Give milliseconds from 0 to {MS_MAX}, a day."
            )


def _check_requests(target: Target) -> None:
    wire = target.wire
    for key, value in (("path", wire.path), ("status", wire.status), ("minted", wire.minted)):
        if value is not None and _NO_URL.search(value):
            raise Mistake(
                f"wire.{key}",
                f"wire.{key}: {value!r} holds what no request may (RFC 9112, 3.2: no spaces, no control "
                "characters, no fragment). Write it as it stands in a URL, with %20 for a space.",
            )
    for name, value in wire.headers.items():
        where = f"wire.headers.{name}"
        if name.lower() in OF_THE_CONNECTION:
            raise Mistake(
                where,
                f"{where}: the harness writes this header itself, as it frames each request and says to whom "
                "it goes (RFC 9112, 3.2 and 6). Take it out.",
            )
        if _TOKEN.fullmatch(name) is None:
            raise Mistake(where, f"{where}: {name!r} is no name of a header (RFC 9110, 5.6.2).")
        if _FIELD_BREAKS.search(value):
            raise Mistake(
                where,
                f"{where}: the value has a line break, which would end the header and begin another "
                "(RFC 9110, 5.5). Write it in one line.",
            )
    for name in wire.metadata:
        if not name or not name.isascii() or re.search(r"[\s,\x00-\x1f\x7f]", name):
            where = f"wire.metadata.{name}"
            raise Mistake(where, f"{where}: a key of metadata is ASCII, without spaces and commas.")


def _check_environment(target: Target) -> None:
    named = {"start.environment": target.start.environment}
    named |= {
        f"variants.{name}.environment": one.environment for name, one in target.variants.items()
    }
    if target.simulate is not None:
        named["simulate.environment"] = target.simulate.environment
        named["simulate.lifetime"] = target.simulate.lifetime
    if target.install is not None:
        named["install.environment"] = target.install.environment
    for where, variables in named.items():
        for name in variables:
            if not name or "=" in name:
                raise Mistake(
                    where, f"{where}: {name!r} is no name of a variable: not empty, without `=`."
                )


def _check_places(files: Files, where: str) -> None:
    _inside(files.published, f"{where}.published")
    if files.unnamed is not None:
        _inside(files.unnamed, f"{where}.unnamed")
    if files.stored is not None:
        _inside(files.stored, f"{where}.stored")
        for placeholder in ("{id}", "{offset}"):
            if files.stored.count(placeholder) != 1:
                raise Mistake(
                    f"{where}.stored",
                    f"{where}.stored: `{placeholder}` has to stand in it once, so that a path tells whose "
                    "bytes lie there.",
                )
    if files.told is not None:
        _inside(files.told, f"{where}.told")
    for key in ("internal", "leftovers", "records", "temporary"):
        for at, pattern in enumerate(getattr(files, key)):
            _inside(pattern, f"{where}.{key}[{at}]")


def _check_phases(phases: dict[str, tuple[str, ...]], where: str) -> None:
    for name, patterns in phases.items():
        for at, pattern in enumerate(patterns):
            _inside(pattern.lstrip("-~"), f"{where}.{name}[{at}]")


def _inside(path: str, where: str) -> None:
    """Mistake unless ``path`` is below the shared directory: nothing of a storm lies anywhere else."""
    if not path.strip("/"):
        raise Mistake(
            where, f"{where} is empty. Give a path below the shared directory, or leave it out."
        )
    if path.startswith("/") or ".." in path.split("/"):
        raise Mistake(
            where,
            f"{where}: `{path}` leaves the shared directory. Give the path from there on, without a "
            "leading slash and without `..`.",
        )
