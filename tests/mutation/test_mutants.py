"""Which mutants there are: what the rules leave out, and names that outlive edits elsewhere."""

from __future__ import annotations

import pytest

pytest.importorskip(
    "mutmut", reason="mutants are made by mutmut: pip install 'patchstorm[mutation]'"
)

from benchmarks.mutation.exclusions import Exclusions, errors_in
from benchmarks.mutation.mutants import Filter, Mutant, candidates
from benchmarks.mutation.sample import population, sampled

CODE = '''"""A module."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

Span = tuple[int, int]
LIMIT = 7


class Refused(Exception):
    """No."""

    status, title = 409, "Refused"


def save(port: "PathLike[str]", log: "Log", size: int = 0) -> int:
    """Save it."""
    port.write(size)
    port.fsync()
    log.write("saved", 1)
    if size > LIMIT:
        raise Refused("larger than 7 bytes", maximum=7)
    try:
        port.close()
    except OSError:
        return 1
    assert size >= 0, "never negative"
    return 0
'''


def changes(code: str = CODE) -> dict[str, list[str]]:
    """The mutated statements, by the statement as it was."""
    found: dict[str, list[str]] = {}
    for mutant in mutants(code):
        found.setdefault(mutant.before, []).append(mutant.after)
    return found


def mutants(code: str = CODE) -> list[Mutant]:
    return candidates("made_up", code, Exclusions(errors_in([code])))


def test_statements_are_left_out_branches_forced_and_handlers_taken_away() -> None:
    found = changes()
    assert "pass" in found["port.fsync()"]
    assert {"if True: ...", "if False: ..."} <= set(found["if size > LIMIT: ..."])
    assert "except OSError: raise" in found["except OSError: ..."]


def test_expressions_are_changed_as_mutmut_changes_them() -> None:
    found = changes()
    assert "if size >= LIMIT: ..." in found["if size > LIMIT: ..."]
    assert "LIMIT = 8" in found["LIMIT = 7"]
    assert "port.write(None)" in found["port.write(size)"]


@pytest.mark.parametrize(
    "excluded",
    ["Save it", "larger than", "never negative", "log.write", "Span", "A module", "import"],
)
def test_messages_logging_annotations_and_docstrings_stay(excluded: str) -> None:
    assert excluded in CODE or excluded == "import"
    touched = [before for before in changes() if excluded in before]
    assert all("raise Refused" in before for before in touched)
    assert all(changes()[before] == ["pass"] for before in touched)


def test_the_status_of_a_refusal_is_changed_and_its_title_is_not() -> None:
    after = changes()['status, title = 409, "Refused"']
    assert 'status, title = 410, "Refused"' in after
    assert not [one for one in after if "REFUSED" in one or "XX" in one]


def test_what_a_handler_says_stays_and_what_it_handles_does_not() -> None:
    code = 'FULL = (28,)\nheld = Refused(FULL, "OutOfSpace", "The storage is full.")\n'
    (after,) = (more for before, more in changes(code).items() if "Refused" in before)
    assert any("OUTOFSPACE" in one for one in after)
    assert not [one for one in after if "THE STORAGE" in one or "XXThe" in one]


def test_names_outlive_moved_lines_and_edits_of_other_functions() -> None:
    moved = "# a remark\n\n\n" + CODE.replace(
        "LIMIT = 7", "LIMIT = 9\n\n\ndef other():\n    run(1)"
    )
    before = {one.id for one in mutants() if one.function == "save"}
    assert before == {one.id for one in mutants(moved) if one.function == "save"}


def test_equal_statements_of_one_function_have_names_of_their_own() -> None:
    found = mutants("def twice(port):\n    port.fsync()\n    port.fsync()\n")
    assert len({one.id for one in found}) == len(found)
    assert sorted(one.ordinal for one in found if one.after == "pass") == [0, 1]


def test_what_does_not_compile_or_changes_nothing_is_no_mutant() -> None:
    code = "def f(a, b):\n    return a if b else g(x=1, *a)\n"
    keeps = Filter({"made_up": code})
    kept = [one for one in mutants(code) if keeps.takes(one)]
    assert kept
    for one in kept:
        compile(one.source, "mutant", "exec")
        assert one.source != code
        assert not keeps.takes(one), "the same text a second time is the same mutant"


@pytest.mark.slow
def test_a_sample_is_repeatable_and_a_larger_one_holds_it() -> None:
    found = population(["ranges", "cleanup"])
    small, again = sampled(found, 5, 1), sampled(population(["ranges", "cleanup"]), 5, 1)
    assert [one.id for one in small] == [one.id for one in again]
    assert sampled(found, 9, 1)[:5] == small
    assert sampled(found, 5, 2) != small
