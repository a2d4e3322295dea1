"""The upload models: against brute force, against histories that no other checker convicts, in turns."""

from __future__ import annotations

import random

import pytest
from book import Book, addressed, found, run
from brute import brute_force
from correct_store import correct_history

from patchstorm.case.layout import lay_out
from patchstorm.check import Budget, judge
from patchstorm.check.cell_entries import cell_problems
from patchstorm.check.linearizable import search_of
from patchstorm.check.upload_entries import Problem, problem_of
from patchstorm.check.upload_model import (
    Commit,
    Holds,
    Offset,
    Shows,
    Terminate,
    UploadOp,
    initial,
    stepper,
    wants,
)
from patchstorm.check.wgl import Entry, Search
from patchstorm.history.model import History, UploadInfo


def random_history(rng: random.Random, *, sequential: bool) -> History:
    """A tiny upload with answers that may or may not make sense."""
    caps = ("sequential", *(["keeps-partial-body"] * (rng.random() < 0.5)))
    book = Book(size=3, sequential=sequential, **({"capabilities": caps} if sequential else {}))
    for _ in range(rng.randrange(2, 5)):
        began = rng.randrange(8)
        at = (began, began + rng.randrange(5))
        kind = rng.random()
        if kind < 0.55:
            start = rng.randrange(3)
            end = rng.randint(start + 1, 3)
            content = rng.choice((0, 0, 1))
            if rng.random() < 0.4:
                book.lost(start, end, content=content, at=at, sent=rng.choice((end - start, 1)))
            else:
                told = rng.choice((end, end, rng.randrange(4), None))
                book.patch(start, end, told, content=content, at=at)
        elif kind < 0.9:
            book.head(rng.choice((0, 0, 1, 1, 2, 3)), at=at)
        elif kind < 0.95:
            book.status((rng.randrange(3), 3), at=at)
        else:
            book.ask("terminate", rng.choice((204, None)), at=at)
    if rng.random() < 0.2:
        book.final(run(0, 1), run(1, 3, rng.choice((0, 1))))
    if rng.random() < 0.1:
        book.event("damage", at=rng.randrange(6), upload="u", offset=0, length=rng.randint(1, 3))
    return book.history()


def verdict_of(problem: Problem) -> bool:
    search = search_of(problem)
    search.advance(1_000_000)
    assert search.verdict is not None
    return search.verdict


def by_definition(problem: Problem) -> bool:
    step = stepper(problem.cells, fading=True)  # without the model's shortcuts
    return brute_force(problem.entries, initial(problem.contents), step)


@pytest.mark.parametrize("sequential", [False, True])
def test_agrees_with_brute_force_on_thousands_of_uploads(sequential: bool) -> None:
    rng = random.Random(11)
    verdicts = []
    while len(verdicts) < 2_000:
        case = lay_out(random_history(rng, sequential=sequential))
        problem = problem_of(case, case.uploads["u"])
        if len(problem.entries) > 7:
            continue
        verdict = verdict_of(problem)
        assert verdict == by_definition(problem), problem
        verdicts.append(verdict)

    assert 300 < sum(verdicts) < 1_700


@pytest.mark.parametrize("sequential", [False, True])
def test_leaving_out_impossible_effects_changes_no_verdict(
    sequential: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(17)
    cases = [lay_out(random_history(rng, sequential=sequential)) for _ in range(1_500)]
    pruned = [problem_of(case, case.uploads["u"]) for case in cases]
    monkeypatch.setattr(Problem, "possible", lambda *_: True)
    whole = [problem_of(case, case.uploads["u"]) for case in cases]

    assert sum(map(len_of, pruned)) < sum(map(len_of, whole))
    assert [verdict_of(one) for one in pruned] == [verdict_of(one) for one in whole]


def len_of(problem: Problem) -> int:
    return len(problem.entries)


def test_the_partition_by_cells_never_accuses_what_the_whole_acquits() -> None:
    rng = random.Random(13)
    convicted = acquitted = 0
    for _ in range(2_000):
        case = lay_out(random_history(rng, sequential=False))
        upload = case.uploads["u"]
        whole = problem_of(case, upload)
        cells = all(verdict_of(cell) for cell in cell_problems(case, upload, whole))
        if not cells:
            convicted += 1
            assert not verdict_of(whole), whole
        else:
            acquitted += 1

    assert convicted > 100
    assert acquitted > 100


def random_problem(rng: random.Random, count: int, cells: int) -> list[Entry[UploadOp]]:
    """Bodies of three contents, answered or not, and looks at what is committed."""
    entries: list[Entry[UploadOp]] = []
    for _ in range(count):
        start = rng.randrange(cells)
        span = (1 << rng.randint(start + 1, cells)) - (1 << start)
        kind, call = rng.random(), rng.randrange(10)
        end: int | None = call + rng.randrange(6)
        op: UploadOp
        if kind < 0.6:
            op, end = Commit(span, rng.randrange(3)), end if rng.random() < 0.25 else None
        elif kind < 0.8:
            op = Offset(rng.randrange(cells + 1))
        elif kind < 0.95:
            mask = rng.choice(((1 << cells) - 1, rng.randrange(1 << cells)))
            op = Shows(rng.randrange(1 << cells) & mask, mask)
        else:
            held = rng.randrange(1 << cells)
            op = Holds(held, (held & rng.randrange(1 << cells), 0))
        entries.append(Entry(op=op, call=call, end=end, pure=True))
        if isinstance(op, Commit) and end is not None and rng.random() < 0.5:
            told: UploadOp = Offset(rng.randrange(cells + 1))
            entries.append(Entry(op=told, call=call, end=end, after=len(entries) - 1, pure=True))
    return entries


def test_to_try_only_what_is_wanted_changes_no_verdict() -> None:
    rng = random.Random(20)
    verdicts = []
    for _ in range(4_000):
        cells = rng.randrange(1, 4)
        entries = random_problem(rng, rng.randrange(1, 7), cells)
        wanted = wants(entries)
        assert wanted is not None
        search = Search(entries, initial(3), stepper(cells), forgetful=True, wants=wanted)
        search.advance(100_000)
        assert search.verdict == brute_force(entries, initial(3), stepper(cells)), entries
        verdicts.append(search.verdict)

    assert 800 < sum(verdicts) < 3_200


def test_what_does_more_than_add_has_everything_tried() -> None:
    first: Entry[UploadOp] = Entry(op=Commit(1, 0), call=0, end=None)
    gone: Entry[UploadOp] = Entry(op=Terminate(), call=0, end=None)
    assert wants([first, gone]) is None
    assert wants([first, Entry(op=Commit(1, 0), call=0, end=None, after=0)]) is None
    assert wants([], fading=True) is None


def test_many_bodies_that_nobody_answered_are_soon_sorted_out() -> None:
    """Six clients' bodies broke off at every length, and it is told which of them were kept, and how far."""
    groups, width = 8, 6
    entries: list[Entry[UploadOp]] = []
    kept = 0
    for group in range(groups):
        at = group * width
        for content in range(6):
            for length in range(1, width if content else width + 1):
                come = ((1 << length) - 1) << at
                entries.append(Entry(op=Commit(come, content), call=0, end=None, pure=True))
        kept |= ((1 << width) - 1) << at
    everything = (1 << groups * width) - 1
    entries.append(Entry(op=Shows(kept, everything), call=10, end=12, pure=True))
    cells = groups * width
    problem = Problem(cells=cells, contents=6, fading=False, bounds=[], entries=entries)
    search = search_of(problem)
    assert search.advance(5_000) < 5_000
    assert search.verdict is True


def test_a_hard_upload_does_not_starve_an_easy_violation() -> None:
    """The first upload has far more orders than the budget; the second is convicted all the same."""
    uploads = tuple(UploadInfo(id=name, size=64, target=name) for name in "uv")
    book = Book(uploads=uploads, capabilities=("offset-addressed", "status"))
    for at in range(1, 24):
        book.lost(at, at + 1, at=(1, 2))
    for at in range(1, 24):
        book.ask("query", 200, offset=0, upload_length=64, at=(3 + at, 4 + at))
    gaps = [(0, 1), *((at, at + 1) for at in range(1, 25, 2)), (25, 64)]
    book.status(*gaps, chunks=tuple(range(2, 25, 2)), at=(40, 41))
    book.status((0, 2), (3, 64), chunks=(2,), at=(40, 42))
    book.patch(0, 16, 16, upload="v", at=(1, 2))
    book.ask("query", 200, upload="v", offset=0, upload_length=64, at=(3, 4))
    *_, judgement = judge(book.history(), Budget(steps=20_000, turn=500))

    assert [one.upload for one in judgement.findings if one.upload == "v"] == ["v"]


def test_a_spent_budget_says_unknown_never_safe() -> None:
    book = addressed()
    *_, judgement = judge(book.history(), Budget(steps=1))

    assert judgement.verdict == "unknown"
    assert "1 steps" in (judgement.unknown or "")


def test_a_spent_memory_says_unknown() -> None:
    uploads = tuple(UploadInfo(id=f"u{at}", size=64, target=f"t{at}") for at in range(3))
    book = Book(uploads=uploads)
    for upload in uploads:
        for at in range(4):
            book.patch(16 * at, 16 * at + 16, upload=upload.id, at=(1, 99), offset=None)
    *_, judgement = judge(book.history(), Budget(configurations=0, turn=1))

    assert judgement.verdict == "unknown"


def scattered(chunks: int) -> History:
    """As many chunks as may be, eight at a time and in no order, so that every set of cells is a long one."""
    book = Book(size=chunks)
    order = list(range(chunks))
    random.Random(1).shuffle(order)
    for at, cell in enumerate(order):
        book.patch(cell, cell + 1, offset=None, at=(at - at % 8, at - at % 8 + 7))
    return book.history()


@pytest.mark.parametrize(
    ("bytes_max", "says"),
    [(100_000, "more operations than can be searched"), (2_000_000, "was not finished within")],
)
def test_a_search_that_takes_too_many_bytes_says_unknown(bytes_max: int, says: str) -> None:
    history = scattered(2_000)
    *_, judgement = judge(history, Budget(bytes=bytes_max, turn=100))
    assert judgement.verdict == "unknown"
    assert says in (judgement.unknown or "")
    *_, judgement = judge(history, Budget())
    assert judgement.verdict == "safe"


def test_what_a_search_remembers_grows_with_what_its_states_hold() -> None:
    """Three times the operations in no order: as many configurations, each with sets three times as long."""
    held = []
    for chunks in (1_000, 3_000):
        case = lay_out(scattered(chunks))
        search = search_of(problem_of(case, case.uploads["u"]))
        search.advance(100_000)
        assert search.verdict
        held.append(search.bytes_held)
    assert held[1] > 3.3 * held[0]


def test_an_answer_that_no_rule_but_order_forbids() -> None:
    """Two status documents, asked at once: each shows one of two lost chunks and not the other."""
    book = addressed(chunks=0)
    first = book.lost(16, 32, at=(10, 11))
    second = book.lost(0, 16, at=(10, 12))
    one = book.status((0, 16), (32, 64), chunks=(16,), at=(20, 30))
    two = book.status((16, 64), chunks=(0,), at=(21, 31))
    for _ in range(5):
        book.head(32, at=(40, 41))
    finding = found(book.history(), "linearizable")

    assert set(finding.operations) == {first, second, one, two}
    assert [(span.offset, span.length) for span in finding.ranges] == [(0, 32)]
    assert finding.story[-1].startswith("-> no legal order")


@pytest.mark.parametrize("capabilities", [(), ("keeps-partial-body",)])
@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([(10, 7), (20, 19), (30, 40)], "safe"),  # the size of a file that is being appended to
        ([(10, 19), (20, 7)], "violated"),  # a prefix only grows
        ([(10, 19), (60, 40)], "violated"),  # an answer means all of it
    ],
)
def test_a_parted_body_explains_what_others_saw_of_it(
    capabilities: tuple[str, ...], seen: list[tuple[int, int]], verdict: str
) -> None:
    book = Book(sequential=True, capabilities=("sequential", *capabilities))
    book.patch(0, 64, 64, at=(1, 50))
    for at, offset in seen:
        book.head(offset, at=(at, at + 1))
    *_, judgement = judge(book.history())
    assert judgement.verdict == verdict


def test_what_an_unanswered_body_left_is_continued_only_by_itself() -> None:
    """Part of a lost body stood at 10; another was accepted there; the lost one cannot go on."""
    caps = ("sequential", "keeps-partial-body")
    book = Book(sequential=True, capabilities=caps)
    book.ask("append", None, start=0, end=30, content=1, error="reset", sent=25)
    book.head(10)
    book.patch(10, 20, 20)
    book.head(25)

    assert found(book.history(), "linearizable").upload == "u"


@pytest.mark.parametrize("sequential", [False, True])
def test_correct_stores_have_a_legal_order(sequential: bool) -> None:
    for seed in range(100, 160):
        case = lay_out(correct_history(seed, sequential=sequential))
        for upload in case.uploads.values():
            assert verdict_of(problem_of(case, upload)), (seed, upload.id)
