"""Where the bytes of a finished upload are had, and what to correct in [files] if not there.

Two uploads are finished one after the other. What is a rule has to hold for both: a path that only the
first one's names explain is a name of the server's own choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from patchstorm.dialect.probed import Probed, Proposal
from patchstorm.dialect.tus.probing.bench import Bench, Made, described, offset_of
from patchstorm.dialect.tus.probing.sound import PART, SIZE

Changes = list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class Traced:
    """An upload, finished, and what happened on the storage meanwhile.

    ``windows`` are the changes during its creation and during each PATCH, the last one's with what came of
    it until all was at rest; ``before`` and ``after`` are what lay there. ``holders`` are the files that
    held the second body once it was acknowledged; ``untouched`` are those that changed, appeared or vanished
    meanwhile without a byte in them, such as locks: a file that is only opened for writing counts as changed.
    """

    made: Made
    before: frozenset[str]
    windows: list[Changes] = field(default_factory=list)
    holders: tuple[str, ...] = ()
    untouched: frozenset[str] = frozenset()
    early: bool = False
    after: frozenset[str] = frozenset()
    path: str = ""

    @property
    def changes(self) -> Changes:
        return [change for window in self.windows for change in window]


@dataclass(slots=True, kw_only=True)
class Whereabouts:
    """What was found out. ``other`` says that other bytes lie where the upload's should."""

    traced: tuple[Traced, ...] = ()
    proposals: list[Proposal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    other: str | None = None

    @property
    def early(self) -> Probed | None:
        """That the published name can be seen before its time."""
        if not any(one.early for one in self.traced):
            return None
        says = "the published name is there before the upload is complete"
        return Probed(capability="publishes-atomically", does=False, says=says)


async def found(bench: Bench) -> Whereabouts:
    """Finish two uploads and look for them; ``bench`` then has bytes where they were found."""
    first = await traced(bench)
    wanted = first.made.body(0, SIZE)
    here = await bench.holds(first.made, wanted)
    if not here:
        other = await _other(bench, first.made, wanted)
        if other is not None:
            return Whereabouts(traced=(first,), other=other)
    await _ended(bench, first)
    second = await traced(bench)
    result = Whereabouts(traced=(first, second))
    if not here and (special := bench.way == "path" and _special(bench, result)):
        bench.way = "nowhere"
        result.remarks.append(special)
    elif not here:
        await _searched(bench, result)
    else:
        await bench.holds(second.made, second.made.body(0, SIZE))
    await _ended(bench, second)
    for one in result.traced:
        one.path = bench.path(one.made) if bench.way == "path" else ""
    return result


async def traced(bench: Bench) -> Traced:
    """A finished upload, step by step; what its end comes to is still open."""
    shown = bench.ground.shown
    before = frozenset(bench.ground.paths())
    shown.clear()
    made = await bench.create(SIZE)
    one = Traced(made=made, before=before)
    one.windows.append(await _window(bench))
    for offset in range(0, SIZE, PART):
        if offset == 2 * PART:
            one.early = bench.way == "path" and await bench.assembled(made) is not None
        body = made.body(offset, PART)
        held = _contents(bench) if offset == PART else {}
        bench.ground.filled.clear()
        await bench.patch(made.url, offset, body)
        if offset + PART < SIZE:
            one.windows.append(await _window(bench))
        if offset == PART:
            holds = _contents(bench)
            one.holders = tuple(path for path, data in holds.items() if body in data)
            one.untouched = _untouched(bench, one.windows[-1], held, holds)
    return one


def _contents(bench: Bench) -> dict[str, bytes]:
    return {path: bench.ground.read(path) or b"" for path in bench.ground.paths()}


def _untouched(
    bench: Bench, window: Changes, before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> frozenset[str]:
    """Of what happened, the paths that held nothing new.

    Of what is there its bytes tell, since a lock that is opened to be emptied looks like one written to; of
    what is gone, what was seen of its writing.
    """
    return frozenset(
        path
        for path, _ in window
        if before.get(path, b"") == after.get(path, b"")
        and (path in after or bench.ground.filled.get(path) is False)
    )


async def _window(bench: Bench) -> Changes:
    """What was shown since the last one."""
    await bench.rest()
    changes = list(bench.ground.shown)
    bench.ground.shown.clear()
    return changes


async def _ended(bench: Bench, one: Traced) -> None:
    """Wait for the sweep of what is no longer needed, and take down what then lies there."""
    mine = bench.path(one.made)
    after: frozenset[str] = frozenset()
    async for _ in bench.ground.turns(bench.ground.sweep_s):
        after = frozenset(bench.ground.paths())
        stays = {path for path in after if path == mine or bench.ground.may_stay(path)}
        if all(_is_or_holds(path, stays) for path in after - one.before):
            break
    one.after = after
    one.windows.append(await _window(bench))


def _is_or_holds(path: str, stays: Iterable[str]) -> bool:
    """Whether ``path`` is one of ``stays``, or a directory above one: no sweep would take that down."""
    return any(one == path or one.startswith(f"{path}/") for one in stays)


async def _other(bench: Bench, made: Made, wanted: bytes) -> str | None:
    """What is said of other bytes at the place that the file names; None where nothing lies there."""
    data = await bench.assembled(made)
    if data is None or bench.holding(wanted):
        return None
    how = "GET" if bench.way == "get" else f"`{bench.path(made)}`"
    if len(data) != len(wanted):
        pairs = min(len(data), len(wanted))
        if data[:pairs] != wanted[:pairs] or not data:
            return None
        return f"{how} gives {len(data)} bytes of an upload of {len(wanted)} that was acknowledged whole"
    at = next(index for index, byte in enumerate(data) if byte != wanted[index])
    return (
        f"{how} gives as many bytes as were acknowledged ({len(wanted)}), but other ones: the first that "
        f"differs is at {at}"
    )


def _special(bench: Bench, result: Whereabouts) -> str | None:
    """What is said of a link, or a pipe, at the place that the file names.

    The place is right, so no other is proposed; but no storm follows a link that a server under test made.
    """
    for one in result.traced:
        path = bench.path(one.made)
        if special := bench.ground.special(path):
            return (
                f"at `{path}` lies {special}, and only regular files are read there: set files.published to "
                "where the bytes themselves lie, or files.read if GET gives them"
            )
    return None


async def _searched(bench: Bench, result: Whereabouts) -> None:
    """The bytes are not where the file says: find another rule that holds for both uploads."""
    one, two = (each.made for each in result.traced)
    how = "GET" if bench.way == "get" else f"`{bench.path(one)}`"
    lies = bench.holding(one.body(0, SIZE))
    for path in lies:
        if await _rules(bench, _pattern(bench, one, path), two):
            says = f"the bytes are not to be had by {how}; they lie at `{bench.path(one)}`"
            if bench.ground.by_get:
                result.proposals.append(Proposal(key="files.read", value="path", says=says))
            result.proposals.append(
                Proposal(key="files.published", value=bench.published, says=says)
            )
            return
    if await bench.fetched(one) == one.body(0, SIZE):
        bench.way = "get"
        named = (
            f"the server chooses names of its own (`{lies[0]}`)" if lies else "no file holds them"
        )
        says = f"the bytes are not to be had by {how}; {named}, and GET gives them"
        result.proposals.append(Proposal(key="files.read", value="get", says=says))
        return
    if lies:
        bench.way = "search"
        result.remarks.append(
            f"the bytes are not to be had by {how}; they lie at `{lies[0]}`, a name that neither "
            "{id} nor {target} explains, and GET does not give them: no storm can tell whose they "
            "are, and each would miss them. Have the server answer GET of a finished upload with its "
            "bytes, or name its file after {id} in a directory that is the same for all"
        )
        return
    alike = _elsewhere(bench, one, two)
    told = await bench.send("GET", one.url)
    data = await bench.assembled(one) if bench.way == "path" else None
    here = "" if data is None else f" ({len(data)} other bytes lie there)"
    bench.way = "nowhere"
    result.remarks.append(
        f"the bytes are not to be had by {how}{here}, no file below {{root}} holds them, and GET of the "
        f"upload is answered {described(told)}: "
        + (alike or "set files.published or start.command so that they can be looked at")
    )


def _elsewhere(bench: Bench, one: Made, two: Made) -> str | None:
    """What is said of other bytes, as many, at a place that bears the names of both; None: there is none.

    They are no proof against the server, since it may store them in a form of its own.
    """
    for path in bench.ground.paths():
        pattern = _pattern(bench, one, path)
        if "{id}" not in pattern and "{target}" not in pattern:
            continue
        place = pattern.format(id=bench.name(two), target=two.info.target)
        data, other = bench.ground.read(path), bench.ground.read(place)
        if data is not None and other is not None and len(data) == len(other) == SIZE:
            wanted = one.body(0, SIZE)
            at = next(index for index, byte in enumerate(data) if byte != wanted[index])
            return (
                f"`{path}` has as many bytes as were acknowledged ({SIZE}), but other ones: the first that "
                f"differs is at {at}. The server stores wrong bytes, or a form of its own, and then no "
                "storm can look at them"
            )
    return None


async def _rules(bench: Bench, pattern: str, other: Made) -> bool:
    """Whether ``pattern`` also says where ``other`` lies; then ``bench`` goes by it."""
    if "{id}" not in pattern and "{target}" not in pattern:
        return False
    before = bench.published, bench.way
    bench.published, bench.way = pattern, "path"
    if await bench.holds(other, other.body(0, SIZE)):
        return True
    bench.published, bench.way = before
    return False


def _pattern(bench: Bench, made: Made, path: str) -> str:
    """The path with the server's name for the upload as ``{id}``, and the one asked for as ``{target}``."""
    name = bench.name(made)
    generic = path.replace("{", "{{").replace("}", "}}")
    generic = generic.replace(name, "{id}") if name else generic
    return generic.replace(made.info.target, "{target}")


async def told_at_the_end(bench: Bench, one: Traced) -> Probed:
    """What HEAD says of a finished upload, at the other replica."""
    told = await bench.ask("HEAD", one.made.url, replica=1)
    return Probed(
        capability="head-after-finish",
        does=told.status < 300 and offset_of(told) == SIZE,
        says=f"HEAD of a finished upload: {told.status}, Upload-Offset {offset_of(told)}",
    )
