"""What was done to the system is a line of the story, and can be the cause that an arrow marks."""

from __future__ import annotations

from book import Book, addressed, found

from patchstorm.check.model import Finding


def refused(said: str = "") -> Book:
    """A request that found nobody listening; ``said`` is what the replica had left in its log."""
    book = Book()
    book.create(replica=1)
    if said:
        book.event("exit", replica=1, code=3, said=said)
    book.head(None, replica=1, status=None, error="refused")
    return book


def arrows(finding: Finding) -> list[str]:
    return [line for line in finding.story if line.startswith("-> ")]


def test_nobody_listening_is_told_with_the_exit_code_and_the_last_words() -> None:
    finding = found(refused("cannot open the store").history(), "availability")
    assert "nobody listening: replica 1 had ended by itself with code 3" in finding.summary
    assert any("code 3" in line and "cannot open the store" in line for line in arrows(finding))


def test_without_an_exit_it_is_told_as_before() -> None:
    finding = found(refused().history(), "availability")
    assert finding.summary.endswith("found nobody listening and no fault explains it")


def test_a_fault_meanwhile_is_a_cause_and_its_end_is_none() -> None:
    book = addressed()
    book.event("fault", replica=1, fault="pause")
    book.event("fault", replica=1, fault="pause", ends=True)
    book.head(0, replica=1)
    finding = found(book.history(), "durability")
    assert any("fault pause: replica 1 stands still" in line for line in arrows(finding))
    assert any("fault pause ends: replica 1 goes on" in line for line in finding.story)
    assert not any("ends" in line for line in arrows(finding))


def test_a_loss_of_power_after_the_last_request_is_told_of_what_was_found_in_the_end() -> None:
    book = addressed()
    book.event("fault", fault="power-loss")
    book.final(present=False)
    finding = found(book.history(), "durability")
    assert any("fault power-loss" in line for line in arrows(finding))


def test_a_delete_explains_a_residue() -> None:
    book = addressed()
    book.ask("terminate", 204)
    book.final(present=False)
    book.residue(".upload/s/chunks/chunk_0.dat.tmp")
    finding = found(book.history(), "residue")
    assert any("DELETE" in line and "asked for its removal" in line for line in finding.story)


def test_two_uploads_that_end_alike_are_told_apart_in_a_residue() -> None:
    book = addressed()
    book.final()
    book.residue(*(f".upload/0000000000{replica}000000000001/x" for replica in (1, 2)))
    finding = found(book.history(), "residue")
    names = [line for line in finding.story if "/x" in line]
    assert len(set(names)) == 2
