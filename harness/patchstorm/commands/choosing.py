"""Which storms a run plays, and when it has played enough.

Names may be patterns (fnmatch(3)), a part of them may be left out, and several machines may share them. What
is asked for and matches nothing is an error: a run that silently played less would be green without a try.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from patchstorm.commands.storms import Job
from patchstorm.errors import UsageError
from patchstorm.report.model import RunReport
from patchstorm.scenario import library
from patchstorm.scenario.model import Scenario

SHARDS_MAX: Final = 10_000
_PATTERN: Final = re.compile(r"[*?\[]")
_SHARD: Final = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})", re.ASCII)


def chosen(
    names: Sequence[str], excluded: Sequence[str] = (), *, by_name_too: bool = True
) -> tuple[Scenario, ...]:
    """The storms of these names, patterns and paths (all bundled ones if none) without the ``excluded``.

    Without ``by_name_too`` what ``names`` has in full, and not by a pattern, stays. UsageError for a name
    or a pattern that matches nothing, an excluded one that is no storm's, and where nothing is left.
    """
    wanted = dict.fromkeys(one for name in names or ("*",) for one in _expanded(name))
    storms = [library.load(name) for name in wanted]
    out: set[str] = set()
    for pattern in excluded:
        found = {one.name for one in storms if fnmatchcase(one.name, pattern)}
        every = {*library.names(), *(one.name for one in storms)}
        if not found and not any(fnmatchcase(one, pattern) for one in every):
            close = get_close_matches(pattern, sorted(every), n=1)
            says = (
                f'did you mean "{close[0]}"?' if close else "`patchstorm list scenarios` shows them"
            )
            raise UsageError(f"--exclude {pattern}: no storm is called so; {says}")
        out |= found
    if not by_name_too:
        out -= {library.load(name).name for name in names if _expanded(name) == (name,)}
    left = tuple(one for one in storms if one.name not in out)
    if not left:
        raise UsageError("--exclude: nothing is left to run. Exclude less.")
    return left


def _expanded(name: str) -> Sequence[str]:
    if name.endswith(".toml") or _PATTERN.search(name) is None:
        return (name,)
    found = [one for one in library.names() if fnmatchcase(one, name)]
    if not found:
        raise UsageError(f"{name}: no bundled storm is called so. `patchstorm list` shows them.")
    return found


def shard(jobs: Sequence[Job], share: str) -> list[Job]:
    """The part ``K/N`` of ``jobs``: every N-th one, so that dear ones that stand together are shared out.

    It is empty where there are fewer than K. UsageError for another form.
    """
    parsed = _SHARD.fullmatch(share)
    number, of = (int(parsed[1]), int(parsed[2])) if parsed else (0, 0)
    if not 1 <= number <= of <= SHARDS_MAX:
        raise UsageError(f"--shard {share}: give K/N, as 2/4 for the second of four parts")
    return list(jobs[number - 1 :: of])


@dataclass(slots=True)
class Enough:
    """Whether another storm is begun. ``seconds``: none after so many; ``first``: none after a violation."""

    seconds: float | None
    first: bool
    _violated: str = ""
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= 1e9:
            raise UsageError(f"--seconds {self.seconds:g}: give a number above 0")

    def reason(self) -> str | None:
        """Why no more is begun, or None."""
        if self._violated:
            return f"not begun: {self._violated} was violated, and -x stops there"
        if self.seconds is not None and time.monotonic() - self._began >= self.seconds:
            return f"not begun: the {self.seconds:g} seconds were over"
        return None

    def saw(self, report: RunReport) -> None:
        """One storm has ended."""
        if self.first and report.verdict == "violated" and not self._violated:
            self._violated = f"{report.scenario} in {report.world}"
