"""What is under test: how a server is started, spoken to, and found on the disk.

Rules of residence: plain data, one struct for each table of a target's TOML file;
``docs/targets.md`` documents the same fields. Nothing here starts a process or opens a file.

Times are milliseconds. Patterns are those of :mod:`patchstorm.target.patterns`, matched against
paths relative to the storm's shared directory.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from patchstorm.dialect.wire import Wire

REFERENCE = "reference"
T = TypeVar("T")


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the TOML file."""


class Start(_Table, frozen=True, kw_only=True):
    """How one replica is started and stopped.

    ``command`` is empty only where the target is simulated and never started. It may hold the
    placeholders of :data:`patchstorm.target.vocabulary.PLACEHOLDERS`.
    ``inherit`` names variables of the harness's own environment that the server gets as they are.
    ``lifetime`` are further arguments for a storm whose uploads expire, with ``{lifetime_ms}`` or
    ``{lifetime_s}``; without them such storms are skipped. ``missing`` tells a person how to
    install the program when it is not there. ``stateless``: what it keeps in memory or outside ``{root}``
    changes no answer, so its processes may serve one storm after the other. ``preload``: a server written in
    Python may be forked from a process that has imported its packages.
    """

    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    inherit: tuple[str, ...] = ()
    stop: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL"] = "SIGTERM"
    stop_ms: int = 2_000
    lifetime: tuple[str, ...] = ()
    missing: str | None = None
    stateless: bool = False
    preload: bool = False


class Simulate(_Table, frozen=True, kw_only=True):
    """How the server is run inside the simulator, where it is written in Python.

    ``app`` is ``MODULE:NAME``: an aiohttp Application, an ASGI or WSGI application, a function that makes
    one, or a coroutine function that listens. ``python`` is the interpreter that has the server and
    Patchstorm, by a path from the target's file or a name in PATH; None: the one that runs. ``own`` are
    packages that every start of a replica imports anew, beside that of ``app`` and all that lies beside the
    target's file. ``services`` are programs that all replicas share, one of each a run: ``redis``,
    ``valkey``, or the ``MODULE:NAME`` of another. ``environment`` is what its processes find, and
    ``lifetime`` what they find besides where uploads expire; values may hold the placeholders of
    :data:`patchstorm.target.vocabulary.SIMULATED`.
    """

    app: str
    python: str | None = None
    own: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    lifetime: dict[str, str] = {}


class Companion(_Table, frozen=True, kw_only=True):
    """A program that all replicas share, such as a database or a lock server.

    One is started before the replicas of each storm and ended after them. Its ``command`` has a
    ``{port}`` of its own; the replicas are told, as ``{companion_port}``, one that leads there and that
    faults can cut. It is ready when it takes connections. What it keeps lies in its ``{scratch}``.
    ``flush`` is a command that empties it while it runs, ``expire`` one that ends the leases and locks
    which it has given; without them no fault does.
    """

    command: tuple[str, ...]
    flush: tuple[str, ...] = ()
    expire: tuple[str, ...] = ()
    stop: Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL"] = "SIGTERM"
    stop_ms: int = 2_000
    within_ms: int = 15_000


class Install(_Table, frozen=True, kw_only=True):
    """How an ordinary package client puts the server into a directory of its own, ``{install}``.

    ``packages`` are pinned as the client writes them: ``MODULE/CMD@VERSION`` (go), ``CRATE@VERSION``
    (cargo), ``NAME@VERSION`` (npm), ``NAME==VERSION`` (pip), ``GROUP:ARTIFACT:VERSION`` (maven).
    ``options`` are further arguments of the client. ``files`` are files beside the target's own that are
    copied into the directory.
    """

    client: Literal["go", "cargo", "npm", "pip", "maven"]
    packages: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    files: tuple[str, ...] = ()


class Container(_Table, frozen=True, kw_only=True):
    """How a replica is run in a container.

    Exactly one of ``image``, a name, and ``dockerfile``, a path beside the target's file, is given; the
    image ``{patchstorm}`` is the harness's own, with the reference in it. ``next`` is the image that a
    rolling update brings; without it the same one. ``command`` stands in for ``start.command`` and
    ``python`` for its ``{python}``.
    """

    image: str | None = None
    dockerfile: str | None = None
    next: str | None = None
    command: tuple[str, ...] = ()
    python: str = "python3"


class Ready(_Table, frozen=True, kw_only=True):
    """How a replica tells that it can take requests.

    ``line``: a regular expression found in its output; a group called ``port`` reports the port.
    ``http``: OPTIONS on the wire's path answers anything below 500. ``tcp``: a connection is taken.
    """

    by: Literal["line", "http", "tcp"] = "http"
    line: str | None = None
    within_ms: int = 15_000

    @property
    def reports_port(self) -> bool:
        """Whether the target may be asked for port 0 and tells which one it got."""
        return self.line is not None and "(?P<port>" in self.line


class Files(_Table, frozen=True, kw_only=True):
    """Where things lie below the shared directory.

    ``published`` is the path of the finished file, with ``{target}`` (the name asked for) or
    ``{id}`` (the server's name for the upload); ``unnamed`` the same of one whose creation asked for no
    name, with ``{id}`` alone. ``read`` says how the assembled bytes are had: from
    that ``path``, or with ``get``, a GET on the upload's URL. ``internal`` are patterns that users
    never look at; anything else that shows is a sighting beside the target. ``leftovers`` may stay for good.
    ``stored`` is the path of a file that holds an upload's bytes from an offset on, with ``{id}`` and
    ``{offset}``; without it the harness cannot damage stored bytes and know which. ``records`` are the paths
    of what is written down of an upload, with ``{id}``, and with ``*``. ``told`` is the path of a file that
    appears with each call that tells others of a finished upload, with ``{id}``, and with ``*`` for the rest.
    ``temporary`` are files of which each is there for as long as the request that made it is served.
    """

    published: str = "{target}"
    unnamed: str | None = None
    read: Literal["path", "get"] = "path"
    internal: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    stored: str | None = None
    records: tuple[str, ...] = ()
    told: str | None = None
    temporary: tuple[str, ...] = ()


class Settle(_Table, frozen=True, kw_only=True):
    """How long the target may take to come to rest after the last fault, and to sweep.

    ``forget_ms``: how long after an upload's expiry nothing at all is left of it; None: unknown.
    """

    convergence_ms: int = 15_000
    sweep_ms: int = 5_000
    forget_ms: int | None = None


class Variant(_Table, frozen=True, kw_only=True):
    """A variation of the target: more arguments, and what differs; None leaves a thing as it is.

    ``companion`` False: it does without, and none is started.
    """

    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    capabilities: tuple[str, ...] | None = None
    needs: tuple[str, ...] | None = None
    files: Files | None = None
    phases: dict[str, tuple[str, ...]] | None = None
    configuration: str | None = None
    companion: bool = True


class Known(_Table, frozen=True, kw_only=True):
    """What a person who read the histories concluded about violations of this server.

    It speaks of findings of ``checker`` (any, if empty) in ``storms`` (``*``: all). ``kind``: against the
    specification or the server's own word; a limit that its documents do not tell; one that they do.
    """

    storms: tuple[str, ...]
    kind: Literal["defect", "undocumented-limit", "documented-limit"]
    says: str
    checker: str = ""
    source: str = ""


class Target(_Table, frozen=True, kw_only=True):
    """A server under test.

    ``dialect`` is the protocol that it speaks. ``version`` and ``configuration`` stand
    beside its verdicts, and ``known`` explains them.

    ``pinned`` are capabilities that ``target check`` leaves in the list, or out of it.

    ``phases`` maps the name of a phase to the patterns that show it: the phase begins when a path
    that matches appears, with a minus sign before the pattern when it vanishes, and with a tilde when
    it is written to. The pattern
    ``{published}`` stands for any published name. ``here`` (its directory) and
    ``origin`` (the word that names it to ``--target``) are filled in by the loader.
    """

    name: str
    capabilities: tuple[str, ...]
    wire: Wire
    start: Start = Start()
    title: str = ""
    version: str = ""
    configuration: str = ""
    dialect: str = "tus"
    pinned: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    container: Container | None = None
    ready: Ready = Ready()
    files: Files = Files()
    settle: Settle = Settle()
    phases: dict[str, tuple[str, ...]] = {}
    variants: dict[str, Variant] = {}
    companion: Companion | None = None
    install: Install | None = None
    simulate: Simulate | None = None
    known: tuple[Known, ...] = ()
    here: str = "."
    origin: str = ""

    @property
    def only_contained(self) -> bool:
        """Whether an image is all that says how a replica is run."""
        return (
            self.container is not None and bool(self.container.command) and not self.start.command
        )

    @property
    def reading(self) -> Literal["offset-addressed", "sequential"]:
        """Which of the two readings of a storm this target gets."""
        return "offset-addressed" if "offset-addressed" in self.capabilities else "sequential"


def varied(target: Target, name: str) -> Target:
    """``target`` as its variant ``name``, which must exist; it is then called ``target:name``."""
    variant = target.variants[name]
    start = msgspec.structs.replace(
        target.start,
        command=target.start.command + variant.arguments if target.start.command else (),
        environment={**target.start.environment, **variant.environment},
    )
    simulate = target.simulate
    if simulate is not None:
        both = {**simulate.environment, **variant.environment}
        simulate = msgspec.structs.replace(simulate, environment=both)
    container = target.container
    if container is not None and container.command:
        container = msgspec.structs.replace(
            container, command=container.command + variant.arguments
        )
    return msgspec.structs.replace(
        target,
        container=container,
        simulate=simulate,
        name=f"{target.name}:{name}",
        origin=f"{target.origin}:{name}",
        start=start,
        capabilities=_either(variant.capabilities, target.capabilities),
        needs=_either(variant.needs, target.needs),
        files=_either(variant.files, target.files),
        phases=_either(variant.phases, target.phases),
        configuration=_either(variant.configuration, target.configuration),
        companion=target.companion if variant.companion else None,
        variants={},
    )


def _either(new: T | None, old: T) -> T:
    return old if new is None else new
