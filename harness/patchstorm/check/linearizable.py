"""``linearizable``: the whole concurrent history, unknown outcomes included, has a legal order.

Uploads are independent objects, so each is searched by itself (P-compositionality: Horn and
Kroening, Faster linearizability checking via P-compositionality, FORTE 2015), and one that violates
makes the whole violate. Every search is of the whole upload. Where that does not end within its first
turn, an offset-addressed upload is searched cell by cell as well: a legal order of the whole gives one
for each cell, so a cell without one is a violation; cells that all have one prove nothing, because
the prefix that HEAD reads binds them together.

All searches take turns of a fixed number of steps, so that one hard search cannot starve an easy
violation. What is still open when the budget is spent is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from patchstorm.case.case import Case, UploadCase
from patchstorm.case.layout import lay_out
from patchstorm.check.cell_entries import cell_problems, covering_bytes
from patchstorm.check.model import Checker, Finding, Judgement
from patchstorm.check.rule import FINDINGS_MAX, survives_power
from patchstorm.check.upload_entries import Problem, TooLargeError, problem_of
from patchstorm.check.upload_model import State, UploadOp, initial, stepper, wants, weight
from patchstorm.check.upload_story import explain
from patchstorm.check.wgl import Search
from patchstorm.history.model import History

NAME = "linearizable"
SAYS = "the whole concurrent history, unknown outcomes included, has a legal order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the searches of one history may spend together.

    ``steps``: placements tried. ``configurations``: remembered at one time. ``bytes``: what the problems
    and all that is remembered may take together, about. ``turn``: steps before it is another search's turn.
    """

    steps: int = 300_000
    configurations: int = 200_000
    bytes: int = 512 << 20
    turn: int = 2_000


class _Task:
    """One search of one upload, whole or of one cell, built when its first turn comes."""

    def __init__(self, upload: UploadCase, problem: Problem, *, whole: bool) -> None:
        self.upload = upload
        self.problem = problem
        self.whole = whole
        self.search: Search[State, UploadOp] | None = None

    def advance(self, steps: int) -> int:
        if self.search is None:
            self.search = search_of(self.problem)
        return self.search.advance(steps)

    @property
    def held(self) -> tuple[int, int]:
        """The configurations that its search remembers, and the bytes."""
        return (
            (0, 0) if self.search is None else (self.search.configurations, self.search.bytes_held)
        )


def search_of(problem: Problem) -> Search[State, UploadOp]:
    """The search of one problem."""
    return Search(
        problem.entries,
        initial(problem.contents),
        stepper(problem.cells, fading=problem.fading),
        forgetful=not problem.fading,
        wants=wants(problem.entries, fading=problem.fading),
        weigh=weight,
    )


def judge(case: Case, budget: Budget) -> Judgement:
    """Search every upload within the budget they share."""
    reason = _applies(case)
    if reason is not None:
        return Judgement(checker=NAME, skipped=reason)
    left = budget.steps
    findings: list[Finding] = []
    violated: set[str] = set()
    open_: list[_Task] = []
    held = taken = 0
    tasks: deque[_Task] = deque()
    too_large: list[str] = []
    for upload in case.uploads.values():
        try:
            problem = problem_of(case, upload, budget.bytes - taken)
        except TooLargeError:
            too_large.append(upload.id)
            continue
        taken += problem.bytes_held
        tasks.append(_Task(upload, problem, whole=True))
    while tasks:
        task = tasks.popleft()
        if task.upload.id in violated:
            continue
        if left <= 0 or held > budget.configurations or taken > budget.bytes:
            open_.append(task)
            continue
        first = task.search is None
        before, bytes_before = task.held
        left -= task.advance(min(budget.turn, left))
        search = task.search
        assert search is not None
        held += search.configurations - before
        taken += search.bytes_held - bytes_before
        if search.verdict is None:
            tasks.append(task)
            if first and task.whole:
                cells = list(_cells(case, task, budget.bytes - taken))
                taken += sum(cell.problem.bytes_held for cell in cells)
                tasks.extend(cells)
            continue
        held -= search.configurations
        taken -= search.bytes_held
        search.forget()
        if search.verdict is False:
            violated.add(task.upload.id)
            findings.append(explain(case, task.upload, task.problem, search, NAME))
    unknown = _unknown(
        [task for task in open_ if task.upload.id not in violated], too_large, budget
    )
    return Judgement(checker=NAME, findings=tuple(findings[:FINDINGS_MAX]), unknown=unknown)


def _cells(case: Case, task: _Task, bytes_max: int) -> Iterator[_Task]:
    """The searches of single cells; some only where there is no room for all."""
    if covering_bytes(task.problem) > bytes_max:
        return
    left = bytes_max
    for problem in cell_problems(case, task.upload, task.problem):
        left -= problem.bytes_held
        if left < 0:
            return
        yield _Task(task.upload, problem, whole=False)


def _unknown(open_: list[_Task], too_large: list[str], budget: Budget) -> str | None:
    whole = [task for task in open_ if task.whole]
    if not whole and not too_large:
        return None
    if not whole:
        return (
            f"{len(too_large)} uploads, {too_large[0]} the first, have more operations than can be searched"
            f" within {budget.bytes >> 20} MiB"
        )
    task = whole[0]
    furthest = None if task.search is None else task.search.furthest
    placed = 0 if furthest is None else len(furthest.order)
    return (
        f"the search of {len(whole)} uploads was not finished within {budget.steps} steps and"
        f" {budget.configurations} configurations in {budget.bytes >> 20} MiB; upload"
        f" {task.upload.id}: {placed} of {len(task.problem.entries)} moments placed"
    )


def _applies(case: Case) -> str | None:
    if not case.history.operations:
        return "no operation was recorded"
    return survives_power(case)


def checker(budget: Budget | None = None) -> Checker:
    """The checker for one history by itself."""
    spend = budget or Budget()

    def judge_history(history: History) -> Judgement:
        return judge(lay_out(history), spend)

    def applies(history: History) -> str | None:
        return _applies(lay_out(history))

    return Checker(name=NAME, says=SAYS, judge=judge_history, applies=applies, cheap=False)
