"""What the storage shows of a server at work: its own files, what stays of them, and its phases.

All of it is told from two finished uploads (``whereabouts.Traced``). Of phases, what only one showed is
chance. Nothing is proposed that would also stand for a finished file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import commonprefix

from patchstorm.dialect.probed import Proposal
from patchstorm.dialect.tus.probing.bench import Bench
from patchstorm.dialect.tus.probing.whereabouts import Changes, Traced
from patchstorm.history.names import unnamed

PUBLISHED = "{published}"
SIGNS = {"appeared": "", "vanished": "-", "changed": "~"}


class Disk:
    """The storage of one server as two uploads showed it."""

    def __init__(self, bench: Bench, traced: tuple[Traced, ...]) -> None:
        self._bench = bench
        self._ground = bench.ground
        self._traced = traced
        self._published = {one.path for one in traced} - {""}
        self._merged: dict[str, str] = {}
        self._merged = self._alike()

    def proposals(self) -> Iterator[Proposal]:
        """What ``files`` and ``phases`` should say of what was seen and is declared nowhere."""
        if self._published:  # else nothing on the disk is known to be anybody's
            says = "appears beside the finished files"
            yield from self._proposed("files.internal", self._internal(), says)
            says = "stays beside finished files; declare it if it may"
            yield from self._proposed("files.leftovers", self._leftovers(), says)
        if self._ground.phases:
            return
        for phase, patterns in self._phases().items():
            says = "a server without [phases] is not hit at its weakest moments; this was seen"
            yield Proposal(key=f"phases.{phase}", value=patterns, says=says)

    def unmatched(self) -> Iterator[Proposal | str]:
        """A word on each pattern of the file's phases that nothing matched, and what might stand there."""
        seen = [change for one in self._traced[:1] for change in one.changes]
        every = [change for one in self._traced for change in one.changes]
        better = self._phases()
        for phase, patterns in self._ground.phases.items():
            idle = [pattern for pattern in patterns if not self._shows(pattern, every)]
            if not idle:
                continue
            listed = ", ".join(f"`{pattern}`" for pattern in idle)
            says = f"nothing that happened while uploads were finished matches {listed}"
            fits = (*(one for one in patterns if one not in idle), *better.get(phase, ()))
            if fits:
                yield Proposal(key=f"phases.{phase}", value=tuple(dict.fromkeys(fits)), says=says)
            else:
                shown = ", ".join(f"`{one}`" for one in self._signs(seen))
                yield f"phases.{phase}: {says}; what did happen: {shown or 'nothing'}"

    def _shows(self, pattern: str, seen: Changes) -> bool:
        for what, sign in (("vanished", "-"), ("changed", "~"), ("appeared", "")):
            if pattern.startswith(sign):
                plain = pattern.removeprefix(sign)
                return any(
                    path in self._published
                    if plain == PUBLISHED
                    else self._ground.matches(path, (plain,))
                    for path, changed in seen
                    if changed == what
                )
        return False

    def _signs(self, seen: Changes) -> list[str]:
        """What happened, in the spelling of a phase's patterns."""
        one = self._traced[0]
        return list(dict.fromkeys(f"{SIGNS[what]}{self._named(one, path)}" for path, what in seen))

    # -- files --------------------------------------------------------------------------------------

    def _proposed(self, key: str, found: Iterable[str], says: str) -> Iterator[Proposal]:
        patterns = tuple(one for one in sorted(set(found)) if not self._clashes(one))
        if patterns:
            yield Proposal(key=key, value=patterns, says=says)

    def nameless(self) -> Iterator[str]:
        """What no pattern can tell from a finished file."""
        for pattern in sorted({*self._internal(), *self._leftovers()} if self._published else ()):
            if self._clashes(pattern):
                yield (
                    f"what appears as `{pattern}` beside the finished files has names like theirs, so no "
                    "pattern tells them apart: storms will call it visible, or left over"
                )

    def _clashes(self, pattern: str) -> bool:
        return any(self._ground.matches(path, (pattern,)) for path in self._published)

    def _internal(self) -> Iterator[str]:
        """What appeared at any time and is no finished file's, a directory with all that is in it."""
        for one in self._traced:
            appeared = [path for path, what in one.changes if what == "appeared"]
            for path in dict.fromkeys((*appeared, *sorted(one.after - one.before))):
                if self._above_published(path) or self._ground.is_internal(path):
                    continue
                top = self._top(path)
                if top != path:
                    yield f"{self._named(one, top)}/**"
                elif not self._is_directory(path, appeared):
                    yield self._named(one, path)

    def _top(self, path: str) -> str:
        """The directory nearest to the root that holds ``path`` and no finished file; or else ``path``."""
        ends = [at for at, letter in enumerate(path) if letter == "/"]
        return next((path[:at] for at in ends if not self._above_published(path[:at])), path)

    def _leftovers(self) -> Iterator[str]:
        """What lay there in the end. An empty directory that bears no name of an upload is no leftover."""
        for one in self._traced:
            for path in sorted(one.after - one.before):
                if self._above_published(path) or self._ground.may_stay(path):
                    continue
                named = self._named(one, path)
                holds = any(other.startswith(f"{path}/") for other in one.after)
                if not holds and (named != path or not self._ground.is_directory(path)):
                    yield named

    def _above_published(self, path: str) -> bool:
        return any(name == path or name.startswith(f"{path}/") for name in self._published)

    def _is_directory(self, path: str, others: Iterable[str]) -> bool:
        return self._ground.is_directory(path) or any(
            other.startswith(f"{path}/") for other in others
        )

    def _named(self, one: Traced, path: str) -> str:
        """The pattern that ``path`` is an instance of: a star for what is of this upload or this moment."""
        if path in self._published:
            return PUBLISHED
        pattern = unnamed(path, (self._bench.name(one.made), one.made.info.target))
        pattern = self._merged.get(pattern, pattern)
        return pattern if self._ground.matches(path, (pattern,)) else path

    def _alike(self) -> dict[str, str]:
        """Names that look like words and were different for each upload, by a pattern for both."""
        each = [
            dict.fromkeys(self._named(one, path) for path, _ in one.changes) for one in self._traced
        ]
        if len(each) < 2:
            return {}
        first, second = (
            [name for name in each[a] if name not in each[b]] for a, b in ((0, 1), (1, 0))
        )
        merged: dict[str, str] = {}
        for one in first:
            for other in second:
                pattern = _common(one, other)
                if pattern is not None and other not in merged:
                    merged |= {one: pattern, other: pattern}
                    break
        return merged

    # -- phases -------------------------------------------------------------------------------------

    def _phases(self) -> dict[str, tuple[str, ...]]:
        """What both uploads showed at the same moment."""
        each = [self._phases_of(one) for one in self._traced]
        return {
            phase: (pattern,)
            for phase, pattern in each[0].items()
            if all(other.get(phase) == pattern for other in each[1:])
        }

    def _phases_of(self, one: Traced) -> dict[str, str]:
        found: dict[str, str] = {}
        middle, last = one.windows[2], one.windows[-1]
        data = self._receiving(one, middle)
        if data is not None:
            at, found["receiving"] = data
            committing = self._committing(one, middle[at + 1 :], middle[at][0])
            if committing is not None and committing != found["receiving"]:
                found["committing"] = committing
        shown = [path for path, what in last if what == "appeared"]
        if one.path and one.path in shown and not one.early:
            found["publishing"] = PUBLISHED
        return found

    def _receiving(self, one: Traced, window: Changes) -> tuple[int, str] | None:
        """Where the body went: into a file that holds it now, or first into one that was then renamed."""
        held = [at for at, (path, _) in enumerate(window) if path in one.holders]
        if not held:
            return None
        first = held[0]
        path, what = window[first]
        if what == "changed":
            return first, f"~{self._named(one, path)}"
        for at, (earlier, before) in enumerate(window[:first]):
            if before == "appeared" and (earlier, "vanished") in window[at:]:
                return at, self._named(one, earlier)
        return first, self._named(one, path)

    def _committing(self, one: Traced, rest: Changes, data: str) -> str | None:
        """What happened to another file once the body was going in: its record, or the end of a lock that
        says whose it is. Into what no byte was written, nothing was recorded."""
        # The body may be written elsewhere first, and renamed.
        others = {*one.holders, data, *one.untouched}
        rest = [(path, what) for path, what in rest if path not in others]
        for at, (path, what) in enumerate(rest):
            if what == "appeared" and (path, "vanished") in rest[at:]:
                return self._named(one, path)
        for wanted in ("changed", "vanished"):
            for path, what in rest:
                if what == wanted and path not in self._published:
                    return f"{SIGNS[what]}{self._named(one, path)}"
        return None


def _common(one: str, other: str) -> str | None:
    """A pattern for two names that differ within one word of one segment; None where they differ more."""
    start = re.sub(r"[A-Za-z0-9]*$", "", commonprefix((one, other)))
    end = re.sub(r"^[A-Za-z0-9]*", "", commonprefix((one[::-1], other[::-1]))[::-1])
    middles = {name[len(start) : len(name) - len(end)] for name in (one, other)}
    if not (start + end).strip("/*") or any("/" in middle or not middle for middle in middles):
        return None
    return f"{start}*{end}"
