"""All rules and all cases of tus 1.0.0, and what its OPTIONS says of which apply to a target."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from patchstorm.dialect.cases.claims import NUMBER, TOKEN, listed
from patchstorm.dialect.cases.model import Case, Rule, Seen, Terms
from patchstorm.dialect.cases.suite import Suite
from patchstorm.dialect.tus.capabilities import CHECKSUM, EXTENSIONS
from patchstorm.dialect.tus.conformance import (
    always,
    checksum,
    collection,
    concatenation,
    contract,
    core,
    creation,
    defer_length,
    exact,
    expiration,
    finals,
    http,
    lengths,
    limits,
    minted,
    names,
    negotiation,
    numbers,
    paths,
    termination,
    with_upload,
)

_MODULES = (
    negotiation, core, numbers, collection, creation, defer_length, limits, with_upload, expiration, checksum,
    termination, concatenation, finals, http, paths, names, contract, lengths, exact, minted,
)  # fmt: skip

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (always, *_MODULES)
    for rule in module.RULES
}  # fmt: skip
CASES: dict[str, Case] = {case.name: case for module in _MODULES for case in module.CASES}

_EXTENSION_OF: Mapping[str, str] = {word: extension for extension, word in EXTENSIONS.items()}
_TOLD_HEADERS = frozenset({
    "allow", "cache-control", "content-length", "content-type", "expect", "location",
    "transfer-encoding", "trailer", "x-http-method-override",
})  # fmt: skip


def terms_of(
    capabilities: Collection[str], answer: Mapping[str, str] | None, *, lifetime: bool
) -> Terms:
    """What is known of a target: its description's capabilities, and the headers of its answer to OPTIONS."""
    claimed = {_EXTENSION_OF[word] for word in capabilities if word in _EXTENSION_OF}
    claimed |= {f"own:{word}" for word in capabilities if word in contract.OWN}
    further = {core.KEEPS_PARTIAL, core.TOLD_AT_THE_END}
    claimed |= {f"own:{word}" for word in further.intersection(capabilities)}
    sums = {word.removeprefix(CHECKSUM) for word in capabilities if word.startswith(CHECKSUM)}
    if sums:
        claimed |= {"checksum", *(f"checksum:{name}" for name in sums)}
    return Terms(
        announced=frozenset(_announced(answer or {})),
        claimed=frozenset(claimed),
        sequential="offset-addressed" not in capabilities,
        lifetime=lifetime,
    )


def _announced(options: Mapping[str, str]) -> Iterator[str]:
    for name in listed(options.get("tus-extension", "")):
        if TOKEN.fullmatch(name):
            yield name
            if name == "checksum":
                sums = listed(options.get("tus-checksum-algorithm", ""))
                yield from (f"checksum:{sum_}" for sum_ in sums if sum_)
    limit = options.get("tus-max-size", "")
    if NUMBER.fullmatch(limit):
        yield "max-size"
        if int(limit) <= limits.SMALL_BYTES:
            yield "max-size:small"


def announced_max(before: Sequence[Seen]) -> int:
    """What OPTIONS announced in this case."""
    for one in before:
        limit = one.headers.get("tus-max-size", "")
        if NUMBER.fullmatch(limit):
            return int(limit)
    return 0


def _source(section: str) -> str:
    return section if section.startswith(("RFC", "capability")) else f"tus 1.0.0, {section}"


def _told(name: str) -> bool:
    return name in _TOLD_HEADERS or name.startswith(("upload-", "tus-"))


SUITE = Suite(
    cases=CASES,
    rules=RULES,
    chapters=(
        "core", "creation", "defer-length", "creation-with-upload", "expiration", "checksum",
        "termination", "concatenation", "http", "contract", "minted",
    ),
    first=negotiation.OPTIONS_CASE,
    always=(*always.ALWAYS, *contract.ALWAYS),
    answered=always.ANSWERED,
    terms_of=terms_of,
    announced_max=announced_max,
    source=_source,
    told=_told,
)  # fmt: skip
