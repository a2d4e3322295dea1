"""A storm file's text to a :class:`Scenario`: strict, and helpful where it refuses.

Unknown keys, wrong types, values out of bounds, faults and triggers that do not exist and combinations
that cannot be are :class:`UsageError`; each names file, key and remedy. ``docs/scenarios.md`` is the same
schema for people.
"""

from __future__ import annotations

import re
from typing import Any

from patchstorm.reading import parse_toml
from patchstorm.scenario.coherence import check
from patchstorm.scenario.faults import FAULTS, OPS, TRIGGERS, Fault
from patchstorm.scenario.model import (
    EITHER_CLOSING,
    ClientSpec,
    ComposeSpec,
    FaultSpec,
    FleetSpec,
    Scenario,
    Spread,
    TriggerKind,
    TriggerSpec,
    UploadSpec,
    always,
)
from patchstorm.scenario.options import Option, Unit, options_of
from patchstorm.scenario.reach import REACHES
from patchstorm.scenario.reader import Table
from patchstorm.scenario.units import nearest
from patchstorm.scenario.words import CAPABILITIES, PHASES
from patchstorm.scenario.workloads import WORKLOADS

STORAGE = re.compile(r"dir:.+|[a-z][a-z0-9.-]*(,[a-z_]+(=[A-Za-z0-9._:/-]+)?)*", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_REPLICA = re.compile(r"replica-[0-9]+", re.ASCII)
WORKERS_MAX = 64
LOCK_WAIT_MS_MAX = 600_000
CREATIONS = ("on", "bearer", "off")
CLOSINGS = ("client", "sweeper")
POLICIES = ("polite", "hostile")


def parse(text: str, *, name: str, file: str) -> Scenario:
    """The scenario in ``text``; ``file`` is what errors call it. Raises UsageError."""
    return _scenario(Table(file, "", parse_toml(text, file)), name)


def _scenario(root: Table, name: str) -> Scenario:
    uploads = tuple(_upload(table, i) for i, table in enumerate(root.tables("upload")))
    clients = tuple(_client(table, i) for i, table in enumerate(root.tables("client")))
    faults = tuple(_fault(table) for table in root.tables("fault"))
    expect = root.table("expect")
    scenario = Scenario(
        name=name,
        title=root.text("title"),
        why=root.text("why"),
        requires=root.words("requires", tuple(CAPABILITIES)),
        policy="hostile" if _policy(root) == "hostile" else "polite",
        closing=root.spread("closing", _option("word", words=CLOSINGS)) or EITHER_CLOSING,
        convergence_ms=_fixed(root, "convergence", _option("ms", low=1), 15_000),
        scale=root.flag("scale", default=True),
        worlds=_worlds(root),
        fleet=_fleet(root.table("fleet")),
        uploads=uploads,
        clients=clients,
        faults=faults,
        reaches=_reaches(expect),
        compose=_compose(root.table("compose")),
    )
    root.close()
    check(scenario, root.fail)
    return scenario


def _worlds(root: Table) -> tuple[str, ...]:
    """Which worlds there are is not known here; that a storm has none left is said where it is run."""
    worlds = root.words("worlds")
    for world in worlds:
        if _ID.fullmatch(world) is None:
            root.fail(
                "worlds", f'"{world}" names no world; `patchstorm list worlds` shows their names'
            )
    return worlds


def _policy(root: Table) -> str:
    return root.word("policy", POLICIES, default="polite")


def _reaches(expect: Table | None) -> tuple[str, ...]:
    if expect is None:
        return ()
    reaches = expect.words("reaches", tuple(REACHES))
    expect.close()
    return reaches


def _compose(table: Table | None) -> ComposeSpec | None:
    if table is None:
        return None
    usual = ComposeSpec()
    spec = ComposeSpec(
        uploads=table.spread("uploads", _option("count", 1, 8)) or usual.uploads,
        clients=table.spread("clients", _option("count", 1, 8)) or usual.clients,
        faults=table.spread("faults", _option("count", 0, 8)) or usual.faults,
        round=_fixed(table, "round", _option("count", 1, 100_000), usual.round),
    )
    table.close()
    return spec


def _fleet(table: Table | None) -> FleetSpec:
    if table is None:
        return FleetSpec()
    storages = _storages(table)
    spec = FleetSpec(
        replicas=_spread(table, "replicas", _option("count", 1, 16), 3),
        storages=storages,
        balancer=table.flag("balancer", default=False),
        creation=table.spread("creation", _option("word", words=CREATIONS)) or always("on"),
        workers=_spread(table, "workers", _option("count", 0, WORKERS_MAX), 0),
        lock_wait=table.spread("lock_wait", _option("ms", 0, LOCK_WAIT_MS_MAX)),
    )
    table.close()
    return spec


def _storages(table: Table) -> tuple[str, ...]:
    """One, or several in a list; none where nothing is said."""
    several = isinstance(table.data.get("storage"), list)
    one = None if several else table.optional_text("storage")
    storages = table.words("storage") if several else () if one is None else (one,)
    if several and not storages:
        table.fail("storage", "is an empty list; name a flavour or leave the key out")
    for storage in storages:
        if STORAGE.fullmatch(storage) is None:
            table.fail("storage", f'"{storage}" is not FLAVOUR[,option[=value]]... or dir:PATH; '
                       'write for example "tmpfs", "tmpfs,size=4MiB" or "nfs4,actimeo=1"')  # fmt: skip
    return storages


def _upload(table: Table, index: int) -> UploadSpec:
    ident = table.text("id", default=f"u{index}")
    if _ID.fullmatch(ident) is None:
        table.fail("id", f'"{ident}" has to be letters, digits, "-" and "_"')
    size = table.spread("size", _option("bytes", 0, 1 << 40), required=True)
    chunk = table.spread("chunk", _option("bytes", 1, 1 << 40))
    assert size is not None
    if chunk is None:
        largest = max(int(value) for value in size.values)
        chunk = always(max(1, -(-largest // 8)))  # eight PATCHes of the largest
    spec = UploadSpec(
        id=ident,
        count=_spread(table, "count", _option("count", 1, 10_000), 1),
        size=size,
        chunk=chunk,
        target=_target(table),
        unnamed=table.flag("unnamed", default=False),
        overwrite=table.flag("overwrite", default=False),
        expires_ms=table.spread("expires", _option("ms", 1)),
        parts=table.spread("parts", _option("count", 2, 8)),
        finals=_spread(table, "finals", _option("count", 1, 2), 1),
        deferred=table.flag("deferred", default=False),
    )
    if spec.deferred and spec.parts is not None:
        table.fail(
            "deferred", "what is joined has the length of its parts; leave one of the two out"
        )
    if spec.unnamed and (spec.target is not None or spec.overwrite):
        table.fail("unnamed", "who asks for no name cannot ask for one, nor to replace what has it")
    table.close()
    return spec


def _target(table: Table) -> str | None:
    target = table.optional_text("target")
    if target is not None and (target.startswith(("/", ".")) or ".." in target.split("/")):
        table.fail("target", f'"{target}" has to lie inside the root; write a relative name')
    return target


def _client(table: Table, index: int) -> ClientSpec:
    kind = table.word("kind", tuple(WORKLOADS))
    spec = ClientSpec(
        name=table.text("name", default=f"c{index}"),
        kind=kind,
        count=_spread(table, "count", _option("count", 1, 1_000), 1),
        uploads=table.words("uploads"),
        start_ms=_spread(table, "start", _option("ms", 0), 0),
        options=_options(table, options_of(WORKLOADS[kind].options)),
    )
    table.close()
    return spec


def _fault(table: Table) -> FaultSpec:
    fault = FAULTS[table.word("kind", tuple(FAULTS))]
    if isinstance(table.data.get("path"), str):
        _inside(table, "path", table.data["path"])
    spec = FaultSpec(
        kind=fault.name,
        whom=_whom(table, fault),
        when=_trigger(table, fault),
        times=_strikes(table),
        for_ms=_lasting(table, fault),
        options=_options(table, options_of(fault.options)),
    )
    table.close()
    return spec


def _inside(table: Table, key: str, pattern: str) -> None:
    """Paths are relative to the root, so that nothing ever matches one that leaves it."""
    if pattern.startswith("/") or {"", ".", ".."} & set(pattern.split("/")):
        table.fail(
            key,
            f'"{pattern}" matches no path: paths are relative to the root; write for example '
            '"wanted.bin" or "**/*.tmp"',
        )


def _whom(table: Table, fault: Fault) -> Spread:
    spread = table.spread("whom", _option("word"))
    if spread is None:
        return always(fault.aims[0])
    for value in spread.values:
        if _REPLICA.fullmatch(str(value)) and "replica-N" in fault.aims:
            continue
        if value not in fault.aims or value == "replica-N":
            table.fail(
                "whom",
                f'{fault.name} cannot hit "{value}"; {nearest(str(value), list(fault.aims))}',
            )
    return spread


def _lasting(table: Table, fault: Fault) -> Spread | None:
    spread = table.spread("for", _option("ms", 0))
    if spread is not None and not fault.lasting:
        table.fail("for", f"{fault.name} is over at once; leave it out")
    if spread is not None and _never_more_than_zero(spread) and not fault.deadly:
        table.fail("for", f"a {fault.name} that lasts no time strikes nobody; give it a duration")
    return spread


def _strikes(table: Table) -> Spread:
    """How often it strikes; now and then not at all, but not never: that would be green without a try."""
    spread = _spread(table, "times", _option("count", 0, 1_000), 1)
    if _never_more_than_zero(spread):
        table.fail("times", "a fault that strikes 0 times is none; take its table out")
    return spread


def _never_more_than_zero(spread: Spread) -> bool:
    return all(value == 0 for value in spread.values)


def _trigger(table: Table, fault: Fault) -> TriggerSpec | None:
    when = table.table("when")
    if when is None:
        return None
    kinds = [kind for kind in TRIGGERS if when.has(kind)]
    if len(kinds) != 1:
        word = next((key for key in when.data if key not in ("nth", "op")), None)
        remedy = "use exactly one of: " + ", ".join(TRIGGERS)
        if not kinds and word is not None:
            remedy = f'"{word}" is no trigger; {nearest(word, list(TRIGGERS))}'
        table.fail("when", f"names {len(kinds)} triggers; {remedy}")
    kind = kinds[0]
    if kind not in fault.triggers:
        table.fail(
            f"when.{kind}", f"cannot trigger {fault.name}; use one of: " + ", ".join(fault.triggers)
        )
    spec = _trigger_spec(when, kind)
    when.close()
    return spec


def _trigger_spec(when: Table, kind: TriggerKind) -> TriggerSpec:
    nth = _spread(when, "nth", _option("count", 1), 1) if kind in ("path", "phase") else always(1)
    if kind == "path":
        op = when.spread("op", _option("word", words=tuple(OPS))) if when.has("op") else None
        path = when.spread("path", _option("word"))
        for one in path.values if path is not None else ():
            if not one:
                when.fail("path", "expected a string that is not empty, not ''")
            _inside(when, "path", str(one))
        return TriggerSpec(kind=kind, path=path, op=op, nth=nth)
    if kind == "phase":
        phase = when.spread("phase", _option("word", words=tuple(PHASES)))
        return TriggerSpec(kind=kind, phase=phase, nth=nth)
    unit: Unit = "bytes" if kind == "after_bytes" else "ms" if kind == "after_ms" else "count"
    return TriggerSpec(kind=kind, number=when.spread(kind, _option(unit, 0)))


def _options(table: Table, known: dict[str, Option]) -> dict[str, Spread]:
    drawn = {name: table.spread(key_of(option), option) for name, option in known.items()}
    return {name: spread for name, spread in drawn.items() if spread is not None}


def key_of(option: Option) -> str:
    """In TOML a duration carries its unit in the value, so ``gap_ms`` is written ``gap = "30ms"``."""
    return option.name.removesuffix("_ms") if option.unit == "ms" else option.name


def _option(
    unit: Unit, low: int | None = None, high: int | None = None, words: tuple[str, ...] = ()
) -> Option:
    return Option(name="", unit=unit, says="", default=0, low=low, high=high, words=words)


def _spread(table: Table, key: str, option: Option, default: int) -> Spread:
    return table.spread(key, option) or always(default)


def _fixed(table: Table, key: str, option: Option, default: int) -> int:
    spread = table.spread(key, option)
    if spread is None:
        return default
    value: Any = spread.values[0]
    if len(spread.values) != 1:
        table.fail(key, "takes one value, not a choice")
    return int(value)
