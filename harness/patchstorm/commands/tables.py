"""The registries as Markdown tables: what ``docs/scenarios.md`` shows, so that it cannot drift.

    python -m patchstorm.commands.tables <docs/scenarios.md >new     copies it with fresh tables

In the document each table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping

import msgspec

from patchstorm.scenario.faults import FAULTS, TRIGGERS
from patchstorm.scenario.options import Option, options_of
from patchstorm.scenario.reach import REACHES
from patchstorm.scenario.units import format_size
from patchstorm.scenario.words import CAPABILITIES, PHASES
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.worlds.registry import all_means

_MARKED = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


Tables = Mapping[str, Callable[[], str]]


def rewritten(document: str, tables: Tables | None = None) -> str:
    """The document with every marked table as the registries have it. KeyError for an unknown one."""
    known = TABLES if tables is None else tables
    return _MARKED.sub(lambda match: f"{match[1]}\n{known[match['name']]()}\n{match[4]}", document)


def workloads() -> str:
    rows = (
        (f"`{kind.name}`", kind.says, _options(kind.options), _code(kind.needs))
        for kind in WORKLOADS.values()
    )
    return table(("kind", "what it does", "options", "needs"), rows)


def faults() -> str:
    means = all_means()
    rows = (
        (
            f"`{fault.name}`",
            fault.says + ('; `policy = "hostile"` only' if fault.hostile else ""),
            *("yes" if fault.name in one.faults else "" for one in means.values()),
            "all" if set(fault.triggers) == set(TRIGGERS) else _code(fault.triggers),
        )
        for fault in FAULTS.values()
    )
    return table(("kind", "what happens", *means, "triggers"), rows)


def fault_details() -> str:
    rows = (
        (f"`{fault.name}`", _code(fault.aims), _lasting(fault.lasting, fault.default_ms),
         _options(fault.options), _code(fault.needs))
        for fault in FAULTS.values()
    )  # fmt: skip
    return table(("kind", "`whom` (first: default)", "`for`", "options", "needs"), rows)


def triggers() -> str:
    means = all_means()
    rows = (
        (f"`{name}`", says, *("yes" if name in one.triggers else "" for one in means.values()))
        for name, says in TRIGGERS.items()
    )
    return table(("trigger", "strikes when", *means), rows)


def reaches() -> str:
    return table(("name", "met when"), ((f"`{row.name}`", row.says) for row in REACHES.values()))


def phases() -> str:
    return table(("phase", "what it is"), ((f"`{name}`", says) for name, says in PHASES.items()))


def capabilities() -> str:
    rows = ((f"`{name}`", says) for name, says in CAPABILITIES.items())
    return table(("capability", "what it promises"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "workloads": workloads,
    "faults": faults,
    "fault-details": fault_details,
    "triggers": triggers,
    "reaches": reaches,
    "phases": phases,
    "capabilities": capabilities,
}


def _options(struct: type[msgspec.Struct]) -> str:
    return "<br>".join(_option(option) for option in options_of(struct).values())


def _option(option: Option) -> str:
    key = option.name.removesuffix("_ms") if option.unit == "ms" else option.name
    default = {
        "ms": f'"{option.default}ms"',
        "bytes": f'"{format_size(int(option.default))}"' if option.unit == "bytes" else "",
        "flag": str(option.default).lower(),
        "word": f'"{option.default}"',
    }.get(option.unit, str(option.default))
    choice = f" ({', '.join(option.words)})" if option.words else ""
    return f"`{key} = {default}` {option.says}{choice}"


def _lasting(lasting: str, default_ms: int | None) -> str:
    if not lasting:
        return ""
    default = "until healing" if default_ms is None else f"{default_ms}ms"
    return f"{lasting} (default: {default})"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rewritten(sys.stdin.read()))
