"""What ended of a long self-test, on disk, so that the same command goes on where it was stopped.

A line for each hunt, written when it ends. The first line is what was asked for: hunts of other budgets are
not comparable, so a file of another question is refused.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from patchstorm.errors import UsageError
from patchstorm.report.selftest import Trial


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two hunts comparable. ``seconds`` are of one processor."""

    blind: bool
    budget: int
    seconds: float | None
    strategy: str


class _Ended(msgspec.Struct, frozen=True, kw_only=True):
    bug: str
    trial: Trial


class Ledger:
    """The hunts that ended, by bug and seed. Raises UsageError for a file that is another's."""

    def __init__(self, path: Path, question: Question) -> None:
        self._path = path
        self._trials: dict[tuple[str, int], Trial] = {}
        try:
            self._read(question)
        except OSError as error:
            raise UsageError(
                f"--state {path}: {error.strerror}; name a file that can be written"
            ) from None

    def ended(self, bug: str, seed: int) -> Trial | None:
        return self._trials.get((bug, seed))

    def note(self, bug: str, trial: Trial) -> None:
        self._trials[bug, trial.seed] = trial
        self._append(_Ended(bug=bug, trial=trial))

    def _read(self, question: Question) -> None:
        if not self._path.exists():
            self._append(question)
            return
        lines = self._path.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]  # the last may be cut
        try:
            asked = msgspec.json.decode(whole[0] if whole else b"", type=Question)
            rest = [msgspec.json.decode(line, type=_Ended) for line in whole[1:]]
        except msgspec.DecodeError as error:
            raise UsageError(
                f"--state {self._path}: is no state of a self-test: {error}; name another file"
            ) from None
        if asked != question:
            raise UsageError(
                f"--state {self._path}: was begun with {_told(asked)}, and this is {_told(question)}; "
                "give the same options, or name another file"
            )
        self._trials = {(one.bug, one.trial.seed): one.trial for one in rest}
        if len(whole) < len(lines):
            self._path.write_bytes(b"".join(whole))

    def _append(self, line: Question | _Ended) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")


def _told(question: Question) -> str:
    blind = "--blind " if question.blind else ""
    seconds = "" if question.seconds is None else f" --cpu-seconds {question.seconds:g}"
    return f"`{blind}--budget {question.budget}{seconds}`"
