"""What a run of the sample came to: tables in Markdown, and every survivor with its change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.mutation.sample import Equivalent

Row = Mapping[str, Any]


def report(rows: Sequence[Row], judged: Mapping[str, Equivalent]) -> str:
    """The whole report. ``judged`` are the equivalent mutants, which count for nothing."""
    parts = [
        *_by(rows, judged, "module"), "", *_by(rows, judged, "operator"), "", *_killers(rows), "",
        *_survivors(rows, judged), *_accused(rows, judged),
    ]  # fmt: skip
    return "\n".join(parts)


def share(rows: Iterable[Row], judged: Mapping[str, Equivalent]) -> tuple[int, int]:
    """How many of how many non-equivalent mutants were killed."""
    counted = [row for row in rows if not _equivalent(row, judged)]
    return sum(row["verdict"] == "killed" for row in counted), len(counted)


def _equivalent(row: Row, judged: Mapping[str, Equivalent]) -> bool:
    return row["verdict"] == "survived" and row["id"] in judged


def _by(rows: Sequence[Row], judged: Mapping[str, Equivalent], key: str) -> Iterator[str]:
    yield f"| {key} | mutants | equivalent | killed | survived | share killed |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in [*sorted({row[key] for row in rows}), None]:
        some = [row for row in rows if name is None or row[key] == name]
        killed, counted = share(some, judged)
        told = "all" if name is None else f"`{name}`"
        percent = f"{100 * killed / counted:.1f} %" if counted else ""
        yield (
            f"| {told} | {len(some)} | {len(some) - counted} | {killed} | {counted - killed} "
            f"| {percent} |"
        )


def _killers(rows: Sequence[Row]) -> Iterator[str]:
    killed = [row["found"] for row in rows if row["verdict"] == "killed"]
    for key, told in (("storm", "first killed by storm"), ("checkers", "spoke first")):
        named = [one[key] if key == "storm" else one[key][0] for one in killed]
        yield f"| {told} | mutants |"
        yield "| --- | --- |"
        for name, count in sorted(Counter(named).items(), key=lambda item: (-item[1], item[0])):
            yield f"| `{name}` | {count} |"
        yield ""
    unsteady = sum(not one["repeated"] for one in killed)
    yield f"Kills that a second run of the same schedule did not repeat: {unsteady}."


def _survivors(rows: Sequence[Row], judged: Mapping[str, Equivalent]) -> Iterator[str]:
    for row in sorted(rows, key=lambda row: (row["module"], row["line"])):
        if row["verdict"] == "survived" and row["id"] not in judged:
            yield from shown(row)


def _accused(rows: Sequence[Row], judged: Mapping[str, Equivalent]) -> Iterator[str]:
    """The list says that nobody can tell them from the original, and a storm did."""
    for row in rows:
        if row["verdict"] == "killed" and row["id"] in judged:
            yield f"called equivalent, and killed by {row['found']['storm']}:"
            yield from shown(row)


def shown(row: Row) -> Iterator[str]:
    yield f"{row['id']}  {row['module']}.py:{row['line']}  {row['function']}  ({row['operator']})"
    yield f"    - {row['before']}"
    yield f"    + {row['after']}"


def told(row: Row) -> str:
    """One result in one line."""
    found = row["found"]
    end = "SURVIVED" if found is None else f"{found['storm']}: {', '.join(found['checkers'])}"
    return f"{row['id']} {row['module']}.{row['function']} {row['operator']}: {end}"
