"""What a target's file says must make sense together; each rule raises a :class:`Mistake`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Formatter

from patchstorm.dialect.registry import DIALECTS
from patchstorm.dialect.wire import Wire
from patchstorm.scenario.units import nearest
from patchstorm.target.lines import Mistake
from patchstorm.target.model import Target
from patchstorm.target.vocabulary import CAPABILITIES, NEEDS, PHASES, PLACEHOLDERS, SIMULATED

LIFETIME = ("lifetime_ms", "lifetime_s")
NOT_IN_CONTAINERS = ("{install}", "{companion_port}")
COMPANION = ("companion_port",)
OWN = ("companion.command", "companion.flush", "companion.expire")
APP = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
READINGS = frozenset({"offset-addressed", "sequential"})
UNSEEN_BY_GET = "publishes-atomically"
"""What cannot be declared where bytes are had with GET, since no name is watched."""


def check_meaning(target: Target) -> None:
    """Raise for the first thing that cannot be."""
    if target.dialect not in DIALECTS:
        says = f"dialect: unknown protocol `{target.dialect}`: {nearest(target.dialect, list(DIALECTS))}"
        raise Mistake("dialect", says, target.dialect)
    _check_words(target.capabilities, CAPABILITIES, "capabilities")
    _check_words(target.pinned, CAPABILITIES, "pinned")
    _check_words(target.needs, NEEDS, "needs")
    _check_words(target.phases, PHASES, "phases")
    _check_reading(target.capabilities, "capabilities")
    _check_start(target)
    _check_container(target)
    _check_variants(target)
    _check_ready(target)
    _check_wire(target)
    _check_files(target)
    _check_install(target)
    _check_simulate(target)


def _check_start(target: Target) -> None:
    if not target.start.command and not target.only_contained:
        if target.simulate is not None:
            return
        raise Mistake(
            "start.command",
            "start.command is missing or empty. Give the program and its arguments, or say with [simulate] "
            "what a server in Python is, to have it in the world sim alone, or with [container] what image "
            "it is in and the `command` there, to have it in containers alone.",
        )
    _check_templates(target, target.start.command, "start.command")
    _check_templates(target, target.start.lifetime, "start.lifetime", LIFETIME)
    for key, value in target.start.environment.items():
        _check_templates(target, (value,), f"start.environment.{key}")
    for name in target.start.inherit:
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            raise Mistake(
                "start.inherit",
                f"start.inherit: `{name}` is no name of an environment variable. Give names only; "
                "`start.environment` gives values.",
                name,
            )
    if target.companion is not None:
        if not target.companion.command:
            raise Mistake(
                "companion.command",
                "companion.command is empty. Give the program and its arguments.",
            )
        _check_templates(target, target.companion.command, "companion.command")
        _check_templates(target, target.companion.flush, "companion.flush")
        _check_templates(target, target.companion.expire, "companion.expire")


def _check_container(target: Target) -> None:
    container = target.container
    if container is None:
        return
    if (container.image is None) == (container.dockerfile is None):
        raise Mistake(
            "container",
            "container: give exactly one of `image` and `dockerfile`: the image that holds the server, or "
            "the file beside this one that it is built from.",
        )
    _check_templates(target, container.command, "container.command")
    for index, part in enumerate(container.command or target.start.command):
        if any(word in part for word in NOT_IN_CONTAINERS):
            where = f"container.command[{index}]" if container.command else "container.command"
            raise Mistake(
                "container",
                f"{where}: `{part}` means nothing in a container. Give a container.command that names "
                "the program as the image has it.",
            )


def _check_variants(target: Target) -> None:
    for name, variant in target.variants.items():
        where = f"variants.{name}"
        if variant.capabilities is not None:
            _check_words(variant.capabilities, CAPABILITIES, f"{where}.capabilities")
            _check_reading(variant.capabilities, f"{where}.capabilities")
        _check_words(variant.needs or (), NEEDS, f"{where}.needs")
        _check_words(variant.phases or {}, PHASES, f"{where}.phases")
        _check_templates(target, variant.arguments, f"{where}.arguments")


def _check_words(words: Iterable[str], known: Iterable[str], where: str) -> None:
    for word in words:
        if word not in known:
            says = f"{where}: unknown word `{word}`: {nearest(word, list(known))}"
            raise Mistake(where, says, word)


def _check_reading(capabilities: tuple[str, ...], where: str) -> None:
    if len(READINGS & set(capabilities)) != 1:
        raise Mistake(
            where,
            f"{where}: exactly one of `offset-addressed` and `sequential` is needed. "
            "Choose `sequential` for a server that refuses a PATCH at any other than the current "
            "offset, as tus 1.0.0 demands; `patchstorm target check` finds out.",
        )


def _check_templates(
    target: Target, parts: tuple[str, ...], where: str, more: tuple[str, ...] = ()
) -> None:
    extra = {*more, *(COMPANION if target.companion is not None and where not in OWN else ())}
    known = [name for name in PLACEHOLDERS if name not in LIFETIME + COMPANION or name in extra]
    for index, part in enumerate(parts):
        check_template(part, known, f"{where}[{index}]")


def check_template(text: str, known: Iterable[str], where: str) -> None:
    """Mistake unless ``text`` holds only ``{placeholders}`` that are ``known``."""
    try:
        fields = [
            (one[1], one[2] or one[3]) for one in Formatter().parse(text) if one[1] is not None
        ]
    except ValueError as error:
        raise Mistake(
            where, f"{where}: {error} in `{text}`. Write a literal brace twice.", text
        ) from None
    for name, how in fields:
        if how:
            says = f"{where}: `{{{name}}}` stands for its value as it is. Write it without `:` and `!`."
            raise Mistake(where, says, text)
        if name not in known:
            says = f"{where}: unknown placeholder `{{{name}}}`: {nearest(name, list(known))}"
            raise Mistake(where, says, text)


def _check_ready(target: Target) -> None:
    ready = target.ready
    if ready.by == "line" and ready.line is None:
        raise Mistake(
            "ready",
            'ready.line is missing. With `by = "line"` give the regular expression '
            "that shows in the output once the server listens.",
        )
    if ready.line is not None:
        if ready.by != "line":
            raise Mistake("ready.line", 'ready.line is unused. Set `by = "line"` or remove it.')
        try:
            re.compile(ready.line)
        except re.error as error:
            raise Mistake("ready.line", f"ready.line: not a regular expression: {error}.") from None
    if not target.start.command:
        return
    said = (*target.start.command, *target.start.environment.values())
    if not ready.reports_port and not any("{port}" in part for part in said):
        raise Mistake(
            "start.command",
            "start.command has no `{port}`. Pass the port to the server, or let it "
            "choose one and report it in a line that `ready.line` reads with a group `port`.",
        )


def _check_wire(target: Target) -> None:
    wire = target.wire
    if not wire.path.startswith("/"):
        raise Mistake("wire.path", f"wire.path: `{wire.path}` must begin with a slash.")
    if wire.status is not None:
        check_template(wire.status, ("path", "query"), "wire.status")
    if ("status" in target.capabilities) != (wire.status is not None):
        where = "capabilities" if wire.status is None else "wire.status"
        raise Mistake(
            where, "capability `status` and key `wire.status` go together: give both or neither."
        )
    if wire.minted is not None:
        check_template(wire.minted, ("token",), "wire.minted")
    if ("minted-urls" in target.capabilities) != (wire.minted is not None):
        where = "capabilities" if wire.minted is None else "wire.minted"
        raise Mistake(
            where,
            "capability `minted-urls` and key `wire.minted` go together: give both or neither.",
        )
    _check_progress(wire)
    _check_document(wire)
    for key, value in wire.metadata.items():
        check_template(value, ("target",), f"wire.metadata.{key}")


def _check_progress(wire: Wire) -> None:
    progress = wire.progress
    if progress is None:
        return
    named = {"chunks": progress.chunks, "percent": progress.percent}
    given = {key: name for key, name in named.items() if name is not None}
    if not given:
        says = "wire.progress names no header. Give `chunks`, `percent` or both, or leave the table out."
        raise Mistake("wire.progress", says)
    for key, name in given.items():
        if _TOKEN.fullmatch(name) is None:
            says = (
                f"wire.progress.{key}: `{name}` is no name of a header (RFC 9110, 5.6.2: a token)."
            )
            raise Mistake(f"wire.progress.{key}", says)
    if len({name.lower() for name in given.values()}) < len(given):
        says = (
            f"wire.progress: `{progress.chunks}` is named twice, and one header counts one thing."
        )
        raise Mistake("wire.progress", says)


def _check_document(wire: Wire) -> None:
    document = wire.document
    gap = {"gap_offset": document.gap_offset, "gap_length": document.gap_length}
    whole = {
        key: getattr(document, key)
        for key in ("total", "committed", "chunks", "missing", "percent", "state")
    }
    for fields in (whole, gap):
        seen: dict[str, str] = {}
        for key, name in fields.items():
            where = f"wire.document.{key}"
            if not name:
                raise Mistake(where, f"{where} is empty. Give the field's name in the document.")
            if name in seen:
                says = f"{where}: `{name}` is what wire.document.{seen[name]} is called already."
                raise Mistake(where, says)
            seen[name] = key


def _check_files(target: Target) -> None:
    files = target.files
    check_template(files.published, ("target", "id"), "files.published")
    if files.unnamed is not None:
        check_template(files.unnamed, ("id",), "files.unnamed")
    elif "unnamed-uploads" in target.capabilities and "{target}" in files.published:
        raise Mistake(
            "files.unnamed",
            "the capability `unnamed-uploads` promises a file for who asks for no name, and "
            '`files.published` needs one. Say where it lies, such as files.unnamed = "{id}".',
        )
    if files.stored is not None:
        check_template(files.stored, ("id", "offset"), "files.stored")
    for at, path in enumerate(files.records):
        check_template(path, ("id",), f"files.records[{at}]")
    if "checks-records" in target.capabilities and not files.records:
        raise Mistake(
            "files.records",
            "the capability `checks-records` promises that damaged records are noticed, and no file is "
            'named. Say which they are, such as files.records = [".upload/{id}/info.json"].',
        )
    if files.told is not None:
        check_template(files.told, ("id",), "files.told")
    if "tells-finished" in target.capabilities and files.told is None:
        raise Mistake(
            "files.told",
            "the capability `tells-finished` promises that others are told of finished uploads, and nothing "
            'says how that shows. Name the file that each call leaves, such as files.told = ".hooks/{id}_*".',
        )
    if files.read == "get" and UNSEEN_BY_GET in target.capabilities:
        raise Mistake(
            "files.read",
            'files.read = "get" shows no names, so the capability `publishes-atomically` cannot '
            "be judged. Take it out, or give files.published.",
        )


def _check_install(target: Target) -> None:
    install = target.install
    if install is not None and not install.packages:
        raise Mistake(
            "install.packages", "install.packages is empty. Give what is to be installed."
        )


def _check_simulate(target: Target) -> None:
    simulate = target.simulate
    if simulate is None:
        return
    if APP.fullmatch(simulate.app) is None:
        raise Mistake(
            "simulate.app",
            f"simulate.app: `{simulate.app}` names no object. Write MODULE:NAME, as in `my_server.main:app`.",
        )
    for at, name in enumerate(simulate.own):
        if not name.isidentifier():
            raise Mistake(
                f"simulate.own[{at}]",
                f"simulate.own[{at}]: `{name}` is no top-level package. Give its name as it is imported, "
                "without dots.",
            )
    for key, value in simulate.environment.items():
        check_template(value, SIMULATED, f"simulate.environment.{key}")
    for key, value in simulate.lifetime.items():
        check_template(value, (*SIMULATED, *LIFETIME), f"simulate.lifetime.{key}")
