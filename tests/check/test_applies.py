"""When a checker applies, what excuses a target, and what leaves a question open."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from book import ADDRESSED, Book, addressed, fired, run, sequential

from patchstorm.check import CHECKERS, Judgement, judge, verdict
from patchstorm.history.model import History, UploadInfo

WANTED = UploadInfo(id="u", size=64, target="t")


def judged(history: History, checker: str) -> Judgement:
    return next(one for one in judge(history) if one.checker == checker)


def test_cheap_checkers_run_first_and_the_search_last() -> None:
    assert [one.cheap for one in CHECKERS] == [True] * (len(CHECKERS) - 1) + [False]
    assert CHECKERS[-1].name == "linearizable"
    assert len({one.name for one in CHECKERS}) == len(CHECKERS)


def test_a_checker_by_itself_says_what_it_says_in_the_round() -> None:
    book = addressed()
    book.head(16)
    history = book.history()

    for checker, together in zip(CHECKERS, judge(history), strict=True):
        assert checker.judge(history) == together
        assert checker.applies(history) == together.skipped


def test_what_does_not_apply_is_skipped_with_the_reason_and_has_no_verdict() -> None:
    book = sequential()
    skipped = {one.checker: one.skipped for one in judge(book.history()) if one.skipped}

    assert "sequential" in skipped["replay"]
    assert "status" in skipped["status"]
    assert skipped["publication"].startswith("nobody watched")
    assert judged(book.history(), "replay").verdict is None


def test_hostile_faults_excuse_liveness_only() -> None:
    book = addressed(policy="hostile")
    book.head(None, status=500)
    book.head(16)

    assert judged(book.history(), "availability").skipped
    assert judged(book.history(), "completion").skipped
    assert "durability" in fired(book.history())


@pytest.mark.parametrize(("claims", "expected"), [(True, True), (False, False)])
def test_a_power_loss_is_judged_where_the_target_claims_to_survive_it(
    claims: bool, expected: bool
) -> None:
    capabilities = tuple(one for one in ADDRESSED if claims or one != "survives-power-loss")
    book = addressed(capabilities=capabilities)
    book.event("fault", fault="power-loss")
    book.head(16)

    assert ("durability" in fired(book.history())) is expected


# -- excuses -----------------------------------------------------------------------------------


def test_a_termination_explains_that_nothing_is_there() -> None:
    for status in (204, None, 500):
        book = addressed(chunks=2)
        book.event("fault", fault="eio")
        book.ask("terminate", status, error=None if status else "dropped")
        book.head(None, status=404)
        book.final(present=False)
        assert fired(book.history()) == set()


def test_a_refused_termination_explains_nothing() -> None:
    book = addressed(chunks=2)
    book.ask("terminate", 403)
    book.head(None, status=404)

    assert fired(book.history()) == {"durability", "refusal"}


def test_a_termination_that_was_never_sent_explains_nothing() -> None:
    book = addressed(chunks=2)
    book.ask("terminate", None, error="lost")
    book.head(None, status=404)

    assert fired(book.history()) == {"durability", "refusal"}


def test_expiry_explains_that_nothing_is_there() -> None:
    uploads = (UploadInfo(id="u", size=64, target="t", expires_ms=5_000),)
    for asked, lost in ((100, True), (6_000, False)):
        book = addressed(chunks=2, uploads=uploads)
        book.head(None, status=410, at=(asked, asked + 1))
        assert ("durability" in fired(book.history())) is lost


def test_damage_lowers_what_is_owed_to_where_it_begins() -> None:
    for seen, accused in ((48, False), (16, False), (32, True), (8, True)):
        book = addressed(chunks=3)
        book.event("damage", upload="u", offset=16, length=16)
        book.head(seen)
        assert bool(fired(book.history())) is accused, seen


def test_damage_does_not_excuse_other_ranges_of_the_file() -> None:
    book = addressed()
    book.event("damage", upload="u", offset=16, length=16)
    book.final(run(0, 32), run(32, 48, None, zero=True), run(48, 64))

    assert {"bytes", "durability"} <= fired(book.history())


def test_a_lost_rivalry_is_no_loss() -> None:
    uploads = tuple(UploadInfo(id=name, size=16, target="t") for name in "uv")
    book = Book(size=16, uploads=uploads)
    book.create(upload="u")
    book.create(upload="v")
    book.patch(0, 16, 16, upload="u")
    book.patch(0, 16, status=409, upload="v")
    book.heal()
    book.head(None, upload="v", status=423, phase="heal")
    book.final(run(0, 16))
    book.final(run(0, 16, upload="u"), upload="v")

    assert fired(book.history()) == set()


def test_with_overwrite_the_last_one_stands() -> None:
    uploads = tuple(UploadInfo(id=name, size=16, target="t", overwrite=True) for name in "uv")
    book = Book(size=16, uploads=uploads)
    for name, inode in (("u", 7), ("v", 8)):
        book.create(upload=name)
        book.patch(0, 16, 16, upload=name)
        book.sight(inode=inode)
    book.final(run(0, 16, upload="v"))
    book.final(run(0, 16), upload="v")

    assert fired(book.history()) == set()


@pytest.mark.parametrize("status", [409, 423])
def test_a_refused_completing_request_may_have_left_its_bytes(status: int) -> None:
    book = addressed(chunks=3)
    book.patch(48, 64, status=status)
    book.status()
    book.final()

    assert fired(book.history()) == set()


def test_a_refused_request_that_completes_nothing_may_not() -> None:
    book = addressed(chunks=2)
    book.patch(32, 48, status=423)
    book.head(48)

    assert fired(book.history()) == {"linearizable"}


def test_a_late_effect_of_an_unanswered_request_is_legal() -> None:
    book = addressed(chunks=1)
    book.lost(16, 32)
    book.head(16)
    book.head(32)

    assert fired(book.history()) == set()


def test_a_body_that_was_not_handed_over_whole_cannot_be_stored() -> None:
    book = addressed(chunks=1)
    book.ask("append", None, start=16, end=32, error="reset", sent=15, cut=True)
    book.head(32)

    assert fired(book.history()) == {"offsets", "linearizable"}


@pytest.mark.parametrize(("keeps", "expected"), [(True, set()), (False, {"linearizable"})])
def test_a_cut_body_leaves_a_prefix_where_the_target_keeps_partial_bodies(
    keeps: bool, expected: set[str]
) -> None:
    capabilities = ("sequential", *(["keeps-partial-body"] * keeps))
    book = sequential(chunks=1, capabilities=capabilities)
    book.ask("append", None, start=16, end=32, error="reset", sent=9, cut=True)
    book.head(21)

    assert fired(book.history()) == expected


KEEPING = (*ADDRESSED, "keeps-partial-body")


@pytest.mark.parametrize(
    ("keeps", "expected"), [(True, set()), (False, {"linearizable", "offsets"})]
)
@pytest.mark.parametrize("answer", [{"error": "reset"}, {"status": 400}, {"status": 408}])
def test_a_cut_body_leaves_a_prefix_where_offsets_are_addressed_and_partial_bodies_kept(
    keeps: bool, expected: set[str], answer: dict[str, Any]
) -> None:
    """Whatever it was answered. And a prefix that was seen stays."""
    book = addressed(chunks=1, capabilities=KEEPING if keeps else ADDRESSED)
    book.ask("append", start=16, end=32, sent=9, cut=True, **answer)
    book.head(21)
    assert fired(book.history()) == expected
    if keeps:
        book.head(16)
        assert fired(book.history()) == {"offsets", "linearizable"}


def test_of_a_body_whose_bytes_were_all_handed_over_a_prefix_may_have_arrived() -> None:
    for capabilities, expected in ((KEEPING, set()), (ADDRESSED, {"linearizable"})):
        book = addressed(chunks=1, capabilities=capabilities)
        book.lost(16, 32)
        book.head(21)
        assert fired(book.history()) == expected


@pytest.mark.parametrize("checksum", ["right", "wrong"])
def test_with_a_checksum_nothing_of_a_cut_body_is_kept(checksum: str) -> None:
    book = addressed(chunks=1, capabilities=(*KEEPING, "checksum-sha1"))
    book.ask("append", None, start=16, end=32, error="reset", sent=9, cut=True, checksum=checksum)
    book.head(21)
    assert {"offsets", "linearizable"} <= fired(book.history())


def test_more_than_was_handed_over_is_no_prefix() -> None:
    book = addressed(chunks=1, capabilities=KEEPING)
    book.ask("append", None, start=16, end=32, error="reset", sent=9, cut=True)
    book.head(26)
    assert fired(book.history()) == {"offsets", "linearizable"}


def test_behind_a_hole_nothing_of_a_cut_body_is_kept() -> None:
    """The document misses what the body began with, and has what came after."""
    book = addressed(chunks=1, capabilities=KEEPING)
    book.ask("append", None, start=16, end=32, error="reset", sent=12, cut=True)
    book.head(16)
    book.status((16, 20), (24, 64), chunks=(0, 20))
    assert "linearizable" in fired(book.history())


def test_a_prefix_ends_before_what_was_acknowledged_with_another_content() -> None:
    """It is dropped whole if it reaches so far; what lies behind is nobody's."""
    for sent, expected in ((4, set()), (12, {"bytes", "linearizable"})):
        book = addressed(chunks=1, capabilities=KEEPING)
        book.patch(20, 24, 16)
        book.ask("append", None, start=16, end=32, content=1, error="reset", sent=sent, cut=True)
        begins = max(24, 16 + sent)
        book.patch(begins, 64, 64)
        behind = [run(24, begins, 1)] if begins > 24 else []
        book.final(run(0, 16), run(16, 20, 1), run(20, 24), *behind, run(begins, 64))
        assert fired(book.history()) == expected, sent


@pytest.mark.parametrize(
    ("mode", "plain"), [(0o644, True), (0o600, True), (0o755, False), (0o4644, False), (None, True)]
)
def test_a_published_file_that_anybody_may_execute_breaks_a_promise(
    mode: int | None, plain: bool
) -> None:
    for capabilities in ((*ADDRESSED, "plain-files"), ADDRESSED):
        book = addressed(capabilities=capabilities)
        book.sight()
        book.final(mode=mode)
        promised = "plain-files" in capabilities
        assert fired(book.history()) == ({"publication"} if promised and not plain else set())


def test_a_death_within_a_write_leaves_a_part_whatever_the_target_promises() -> None:
    book = sequential(chunks=1, capabilities=("sequential",))
    book.lost(16, 32)
    book.head(21)
    assert fired(book.history()) == set()

    book.head(20)
    assert fired(book.history()) == {"offsets", "linearizable"}, "what was there once stays"


# -- faults and stalls -------------------------------------------------------------------------


def test_a_fault_explains_failures_on_its_replica_only() -> None:
    for replica, accused in ((1, False), (2, True)):
        book = addressed(chunks=2)
        book.event("fault", fault="enospc", replica=1)
        book.head(None, status=507, replica=replica)
        assert (fired(book.history()) == {"availability"}) is accused


def test_what_the_network_did_to_one_delivery_explains_no_other() -> None:
    book = addressed(chunks=2)
    stalled = book.ask("append", None, start=32, end=48, error="timeout")
    book.event("fault", fault="delay", op=stalled, replica=0)
    assert fired(book.history()) == set()

    book.head(None, status=500)
    assert fired(book.history()) == {"availability"}


def test_a_fault_that_ended_long_ago_explains_nothing() -> None:
    for later, accused in ((1_000, False), (60_000, True)):
        book = addressed(chunks=2)
        book.event("fault", fault="eio")
        book.event("fault", fault="eio", ends=True)
        book.head(None, status=500, at=(later, later + 1))
        assert (fired(book.history()) == {"availability"}) is accused


def test_busy_answers_are_legal() -> None:
    book = addressed(chunks=2)
    book.head(None, status=423)
    book.head(None, status=503, headers={"retry-after": "1", "tus-resumable": "1.0.0"})

    assert fired(book.history()) == set()


@pytest.mark.parametrize(
    ("error", "accused"), [("closed", True), ("reset", False), ("dropped", False)]
)
def test_a_connection_that_is_closed_without_a_whole_answer_needs_a_fault(
    error: str, accused: bool
) -> None:
    book = addressed(chunks=2)
    book.ask("append", None, start=32, end=48, error=error)
    assert ("availability" in fired(book.history())) is accused

    book = addressed(chunks=2)
    book.event("fault", fault="crash", replica=0)
    book.ask("append", None, start=32, end=48, error=error)
    assert fired(book.history()) == set()


def test_a_sequential_target_may_end_the_connection_of_whoever_meets_a_busy_lock() -> None:
    for at, accused in (((100, 120), False), ((200, 201), True)):
        book = sequential(chunks=2)
        book.patch(32, 48, 48, at=(110, 115))
        book.ask("append", None, start=32, end=48, at=at, error="closed")
        assert ("availability" in fired(book.history())) is accused


def test_a_sequential_target_may_meet_a_busy_lock_with_500() -> None:
    for at, accused in (((100, 120), False), ((200, 201), True)):
        book = sequential(chunks=2)
        book.patch(32, 48, 48, at=(110, 115))
        book.ask("append", 500, start=32, end=48, at=at)
        assert ("availability" in fired(book.history())) is accused


def test_a_hang_while_the_harness_stood_still_proves_nothing() -> None:
    book = addressed(chunks=2, clock="monotonic")
    book.ask("query", None, error="timeout", at=(20, 5_000))
    book.event("stall", for_ms=900)
    judgement = judged(book.history(), "availability")

    assert judgement.verdict == "unknown"
    assert verdict(judge(book.history())) == "unknown"


def test_completion_missed_while_the_harness_stood_still_proves_nothing() -> None:
    book = addressed(chunks=3)
    book.heal()
    book.head(48, phase="heal")
    book.patch(48, 64, status=423, phase="heal")
    book.event("stall", for_ms=4_000)
    book.final(present=False)

    assert judged(book.history(), "completion").verdict == "unknown"


def test_completion_is_bounded() -> None:
    for seen, accused in ((5_000, False), (20_000, True)):
        book = addressed(chunks=3)
        book.heal()
        book.head(48, phase="heal")
        book.patch(48, 64, 64, phase="heal", at=(30_000, 30_010))
        book.event("sighting", at=seen, upload="u", present=False)
        book.final()
        assert (fired(book.history()) == {"completion"}) is accused


def test_a_closing_client_that_ran_into_other_content_proves_nothing() -> None:
    book = addressed(chunks=2)
    book.patch(48, 64, 32, content=1)
    book.heal()
    book.head(32, phase="heal")
    book.patch(32, 64, status=409, phase="heal")
    book.final(present=False)

    assert fired(book.history()) == set()


def test_the_sweeper_owes_nothing_that_was_not_acknowledged() -> None:
    book = addressed(chunks=3, closing="sweeper")
    book.lost(48, 64)
    book.heal()
    book.final(present=False)

    assert fired(book.history()) == set()


def test_files_of_an_unfinished_upload_are_no_litter() -> None:
    book = addressed(chunks=2)
    book.residue(".upload/s/chunks/chunk_0.dat")

    assert "unfinished" in (judged(book.history(), "residue").skipped or "")


@pytest.mark.parametrize(("status", "left"), [(None, False), (409, True)])
def test_a_creation_that_was_never_answered_may_have_left_its_files(
    status: int | None, left: bool
) -> None:
    book = addressed()
    book.ask("create", status)
    book.final()
    book.residue(".upload/another/chunks")

    assert (fired(book.history()) == {"residue"}) is left


@pytest.mark.parametrize(
    ("size", "status", "left"), [(0, 423, False), (0, 409, False), (0, 400, True), (16, 423, True)]
)
def test_a_creation_of_an_empty_upload_that_was_told_to_come_again_may_be_published_all_the_same(
    size: int, status: int, left: bool
) -> None:
    book = Book(size=size, uploads=(UploadInfo(id="u", size=size, target="t"),))
    book.create(status=status)
    book.create()
    if size:
        book.patch(0, size)
    book.final()
    book.residue("done/a-name-that-nobody-knows")

    assert ("residue" in fired(book.history())) is left


@pytest.mark.parametrize(
    ("pattern", "path", "left"),
    [
        (".upload/*/info.json", ".upload/s/info.json", False),
        (".upload/*/info.json", ".upload/s/t/info.json", True),
        (".upload/**", ".upload/s/t/info.json", False),
        (".upload/**/info.json", ".upload/info.json", False),
        ("*.lock", "u.lock", False),
        ("*.lock", "d/u.lock", True),
        ("chunk_?", "chunk_1", False),
        ("a.b", "axb", True),
    ],
)
def test_patterns_of_what_may_stay(pattern: str, path: str, left: bool) -> None:
    book = addressed(leftovers=(pattern,))
    book.final()
    book.residue(path)

    assert (fired(book.history()) == {"residue"}) is left


def test_directories_of_what_may_stay_may_stay() -> None:
    book = addressed(leftovers=(".upload/*/info.json",))
    book.final()
    book.residue(".upload", ".upload/s", ".upload/s/info.json")
    assert fired(book.history()) == set()

    book = addressed(leftovers=(".upload/*/info.json",))
    book.final()
    book.residue(".upload", ".upload/s", ".upload/s/info.json", ".upload/s/chunks/")
    assert fired(book.history()) == {"residue"}


# -- tus, where it is open and where it is not -------------------------------------------------


@pytest.mark.parametrize("status", [400, 413])
def test_a_patch_past_the_end_may_be_refused_in_two_ways(status: int) -> None:
    book = addressed(chunks=3)
    book.patch(48, 70, status=status)

    assert fired(book.history()) == set()


def test_a_limit_of_thousands_of_digits_is_none() -> None:
    """No upload is larger, so the refusal has no reason; nor does the number end the judging."""
    for limit in ("9" * 5_000, "²"):
        book = Book()
        book.ask("discover", 204, headers={"tus-max-size": limit, "tus-resumable": "1.0.0"})
        book.ask("create", 413, headers={"tus-resumable": "1.0.0"})
        assert "refusal" in fired(book.history())


def test_a_sequential_target_may_say_less_than_was_sent_of_a_cut_body() -> None:
    book = sequential(chunks=1, capabilities=("sequential", "keeps-partial-body"))
    book.ask("append", 204, start=16, end=32, sent=10, cut=True, offset=26)
    book.head(26)

    assert fired(book.history()) == set()


@pytest.mark.parametrize("status", [409, 423])
def test_the_rest_of_a_body_that_was_overtaken_while_it_stood_still_may_be_refused(
    status: int,
) -> None:
    """What had come of it is kept, and somebody went on behind it. Of others it means what it says."""
    for still, expected in ((True, set()), (False, {"bytes", "linearizable"})):
        book = sequential(chunks=1, capabilities=("sequential", "keeps-partial-body"))
        book.patch(16, 32, status=status, content=1, at=(20, 60))
        slow = book.count - 1
        if still:
            book.event("standstill", at=30, op=slow, replica=0)
            book.event("standstill", at=50, op=slow, replica=0, ends=True)
        book.head(24, at=(35, 36))
        book.patch(24, 64, 64, at=(40, 45))
        book.final(run(0, 16), run(16, 24, 1), run(24, 64))
        assert fired(book.history()) == expected


def test_creation_with_a_body_acknowledges_what_its_offset_says() -> None:
    book = Book()
    book.ask(
        "create",
        201,
        start=0,
        end=32,
        offset=32,
        headers={"location": "/x", "tus-resumable": "1.0.0"},
    )
    book.head(16)

    assert fired(book.history()) == {"durability", "offsets", "linearizable"}


def test_a_zero_byte_upload_is_complete_at_once() -> None:
    book = Book(size=0)
    book.create()
    book.head(0)
    book.sight(size=0)
    book.final(size=0)

    assert fired(book.history()) == set()


def test_what_the_targets_file_may_have_left_out_is_named_as_a_pattern() -> None:
    book = addressed(leftovers=())
    book.final()
    book.residue("9f1c2ab34d5e6f70.info", "0a1c2ab34d5e6f71.info", "lost+found")
    (finding,) = judged(book.history(), "residue").findings
    assert finding.remedy is not None
    assert finding.remedy.key == "files.leftovers"
    assert finding.remedy.patterns == ("*.info", "lost+found")


def _published_twice(*, announced: bool) -> Book:
    """A file was seen, power was lost, and another stands there."""
    book = Book()
    book.create()
    book.patch(0, 48, 48)
    book.sight(present=False)
    if announced:
        book.patch(48, 64, 64)
    else:
        book.ask("append", None, start=48, end=64, error="reset")
    book.sight()
    book.event("fault", fault="power-loss")
    book.sight(mtime_ns=90)
    book.head(64)
    book.heal()
    book.final()
    return book


def test_a_file_of_which_nobody_was_told_may_be_published_again_after_a_loss_of_power() -> None:
    assert "publication" not in fired(_published_twice(announced=False).history())


def test_a_file_that_was_announced_may_not() -> None:
    assert "publication" in fired(_published_twice(announced=True).history())


def _without_room(storage: str) -> set[str]:
    book = Book(storage=storage, size=64 * 1024)
    book.create()
    book.patch(0, 1024, 1024)
    book.patch(1024, 2048, status=507)
    book.heal()
    book.head(1024, phase="heal")
    book.patch(1024, 64 * 1024, status=507, phase="heal")
    book.final(present=False)
    return fired(book.history())


@pytest.mark.parametrize("storage", ["tmpfs,size=128KiB", "tmpfs,size=131072"])
def test_a_storage_that_is_full_explains_failures_without_any_fault(storage: str) -> None:
    assert _without_room(storage) == set()


@pytest.mark.parametrize("storage", ["tmpfs", "tmpfs,size=4MiB"])
def test_a_storage_with_room_explains_none(storage: str) -> None:
    assert _without_room(storage) == {"availability", "completion"}


@pytest.mark.parametrize("died", [True, False])
def test_what_a_dead_nfs_client_renamed_aside_is_no_litter_of_the_store(died: bool) -> None:
    book = addressed()
    book.event("fault", fault="power-loss" if died else "crash")
    book.heal()
    book.head(64)
    book.final()
    book.residue(".upload/.nfs000000000000001e00000012")

    assert ("residue" in fired(book.history())) is not died


def test_a_hang_beside_a_replica_that_stood_still_is_explained_by_that() -> None:
    """It lived, and may have held the lock that everybody waits for; one that had died had given it back."""
    for kind, until, accused in (("pause", 900, False), ("pause", 300, True), ("crash", 900, True)):
        book = addressed(chunks=2)
        book.event("fault", at=100, fault=kind, id="f", replica=0)
        book.ask("query", None, error="timeout", at=(150, 500), replica=1)
        book.event("fault", at=until, fault=kind, id="f", replica=0, ends=True)
        assert ("availability" in fired(book.history())) is accused


def test_a_creation_may_outlive_its_upload_where_a_clock_jumps() -> None:
    for jumps, accused in ((True, False), (False, True)):
        book = Book(uploads=(msgspec.structs.replace(WANTED, expires_ms=5_000),))
        if jumps:
            book.event("fault", fault="clock-jump", replica=0)
        book.ask("create", 410)
        assert ("refusal" in fired(book.history())) is accused


def test_a_refused_creation_that_a_failing_disk_kept_from_being_undone_leaves_what_it_may() -> None:
    for fails, accused in ((True, False), (False, True)):
        book = addressed()
        if fails:
            book.event("fault", at=0, fault="enospc", id="f", replica=0)
        book.ask("create", 460, start=0, end=64, checksum="wrong")
        book.final()
        book.residue(".upload/other/info.json")
        assert ("residue" in fired(book.history())) is accused
