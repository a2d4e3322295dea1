"""Which mutants are tried: a seeded sample of the modules of ``chunkstore`` that the simulator runs.

Mutants are taken in the order of a digest of seed and name. So a change of the code moves only the mutants
that it touches in and out of the sample, and a larger sample holds the smaller one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutation.exclusions import Exclusions, errors_in
from benchmarks.mutation.mutants import Filter, Mutant, candidates, identity
from benchmarks.mutation.storms import PACKAGE

MODULES = (
    "store", "session", "ledger", "chunks", "publish", "late", "cleanup", "sweep", "ranges", "layout",
    "places", "body", "files", "model", "errors", "protocol", "protocol_headers", "responses", "tokens",
)  # fmt: skip
"""The store, its metadata and its protocol. Sockets, threads and the command line are not simulated."""

EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A mutant that a person has judged: no storm can ever tell it from the original, and why."""

    id: str
    module: str
    function: str
    before: str
    after: str
    why: str


def population(modules: Sequence[str] = MODULES) -> list[Mutant]:
    """All changes that the operators can make. A few of them do not compile, or change nothing."""
    exclusions = Exclusions(errors_in(path.read_text() for path in sorted(PACKAGE.glob("*.py"))))
    found: list[Mutant] = []
    for module in modules:
        found += candidates(module, source_of(module), exclusions)
    return found


def source_of(module: str) -> str:
    return (PACKAGE / f"{module}.py").read_text()


def sampled(found: Iterable[Mutant], count: int | None, seed: int) -> list[Mutant]:
    """The first ``count`` mutants in the order of the seed; all of them for None."""

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.id}".encode()).digest()

    ordered = sorted(found, key=rank)
    modules = {mutant.module for mutant in ordered}
    keeps = Filter({module: source_of(module) for module in modules})
    kept: list[Mutant] = []
    for mutant in ordered:
        if count is not None and len(kept) == count:
            break
        if keeps.takes(mutant):
            kept.append(mutant)
    return kept


def equivalents(path: Path = EQUIVALENT) -> dict[str, Equivalent]:
    """The reviewed list, by mutant. Raises ``SystemExit`` with the entry that is not complete."""
    with open(path, "rb") as file:
        entries = tomllib.load(file).get("equivalent", [])
    found = {}
    for entry in entries:
        try:
            told = {name: entry[name] for name in ("module", "function", "before", "after", "why")}
        except KeyError as error:
            raise SystemExit(f"{path}: an entry has no {error}: {entry}") from None
        name = identity(
            told["module"], told["function"], told["before"], told["after"], entry.get("ordinal", 0)
        )
        found[name] = Equivalent(id=name, **told)
    return found
