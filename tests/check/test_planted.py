"""Each planted fault makes its checker fire, and no other except its logical companions.

A companion is named where one fault truly breaks two promises: bytes that were acknowledged and are a
hole in the file are both not what was sent and no longer there. And answers that contradict each other
have no legal order, so ``linearizable`` accompanies whatever a sharper checker says of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Literal

import pytest
from book import ADDRESSED, SEQUENTIAL, Book, addressed, fired, found, run, sequential

from patchstorm.check import judge
from patchstorm.history.model import ProbeSent, Progress, Residue, Run, UploadInfo

TUS = {"tus-resumable": "1.0.0"}
Plant = Callable[[], Book]
PLANTS: list[tuple[str, set[str], Plant]] = []


def plant(*expected: str) -> Callable[[Plant], Plant]:
    def register(build: Plant) -> Plant:
        PLANTS.append((build.__name__, set(expected), build))
        return build

    return register


# -- nothing planted ---------------------------------------------------------------------------


@plant()
def healthy_addressed() -> Book:
    book = addressed()
    book.head(64)
    book.status()
    book.sight()
    book.heal()
    book.head(64, phase="heal")
    book.final()
    book.residue()
    return book


@plant()
def healthy_sequential() -> Book:
    book = sequential()
    book.head(64)
    book.final()
    return book


# -- status: headers of progress ---------------------------------------------------------------


@plant("status")
def an_answer_has_one_of_two_headers_of_progress() -> Book:
    book = addressed(chunks=0)
    book.patch(0, 16, 16, headers={**TUS, "x-percent": "25.00"})
    return book


@plant()
def an_answer_has_no_header_of_progress() -> Book:
    book = addressed(chunks=0)
    book.patch(0, 16, 16, headers=dict(TUS))
    return book


# -- leaks -------------------------------------------------------------------------------------


def tidy() -> Book:
    return addressed(capabilities=(*ADDRESSED, "tidies-up"))


@plant("leaks")
def a_file_stays_open() -> Book:
    book = tidy()
    book.event("leak", replica=0, what="handle", path="t", op=1)
    return book


@plant("leaks")
def a_file_stays_open_after_a_disk_failed() -> Book:
    book = tidy()
    book.event("fault", fault="eio", replica=0)
    book.event("leak", replica=0, what="handle", path="t")
    return book


@plant("leaks")
def a_temporary_file_stays_after_a_lost_reply() -> Book:
    book = tidy()
    book.event("fault", fault="lost-reply", op=1)
    book.event("leak", replica=0, what="file", path="body.tmp", op=1)
    return book


@plant()
def a_temporary_file_stays_after_a_disk_failed() -> Book:
    book = tidy()
    book.event("fault", fault="eio", replica=0)
    book.event("leak", replica=0, what="file", path="body.tmp", op=1)
    return book


@plant("leaks")
def bytes_are_stored_that_are_missing() -> Book:
    book = tidy()
    book.event("leak", replica=0, what="room", path="chunk_0", op=1)
    return book


@plant("leaks")
def a_damaged_chunk_is_given_up_and_stays() -> Book:
    book = tidy()
    book.event("damage", upload="u", offset=0, length=16)
    book.event("leak", replica=0, what="room", path="chunk_0", op=1)
    return book


@plant()
def bytes_are_stored_that_are_missing_since_a_record_was_damaged() -> Book:
    book = tidy()
    book.event("damage", upload="u", offset=0, length=16, record=True, left=0)
    book.event("leak", replica=0, what="room", path="chunk_0", op=1)
    return book


@plant()
def bytes_are_stored_that_are_missing_since_a_disk_failed() -> Book:
    book = tidy()
    book.event("fault", fault="eio", replica=0)
    book.event("leak", replica=0, what="room", path="chunk_0", op=1)
    return book


def needless(book: Book) -> Book:
    """After a second in which nobody was at work 80 bytes are stored of an upload that has 64."""
    op = book.status(chunks=(0, 16, 32, 48), at=(9_000, 9_002))
    room = {"held": 80, "needed": 64, "since_ns": 8_000_000_000}
    book.event("leak", replica=0, what="needless", path="body.tmp", op=op, **room)
    return book


@plant("leaks")
def what_the_dead_left_is_there_after_a_sweep() -> Book:
    book = tidy()
    book.event("fault", fault="crash", replica=0, at=100)
    book.event("fault", fault="crash", replica=0, ends=True, at=200)
    return needless(book)


@plant()
def what_the_dead_left_is_there_while_the_storage_fails() -> Book:
    book = tidy()
    book.event("fault", fault="eio", replica=0, at=100)
    book.event("fault", fault="eio", replica=0, ends=True, at=8_500)
    return needless(book)


@plant()
def what_the_dead_left_is_there_since_a_record_was_damaged() -> Book:
    book = tidy()
    book.event("damage", upload="u", offset=0, length=16, record=True, left=0)
    return needless(book)


@plant()
def a_file_stays_open_at_a_target_that_promises_nothing() -> Book:
    book = addressed()
    book.event("leak", replica=0, what="handle", path="t", op=1)
    return book


# -- refusal -----------------------------------------------------------------------------------


@plant("refusal")
def nobody_is_served() -> Book:
    book = addressed(chunks=0)
    book.patch(0, 16, status=405)
    return book


@plant("refusal")
def a_creation_finds_a_name_that_nobody_wants_taken() -> Book:
    book = Book()
    book.create(status=409)
    return book


@plant()
def refusals_that_the_history_explains() -> Book:
    book = addressed(chunks=2)
    book.patch(0, 16, content=1, status=409)
    book.patch(32, 48, checksum="malformed", status=400)
    book.patch(32, 48, cut=True, sent=4, status=400)
    book.patch(48, 70, status=413)
    book.ask("terminate", 204)
    book.head(None, status=410)
    return book


# -- chunks that are listed where parts of bodies are kept -------------------------------------


def keeping(chunks: tuple[int, ...]) -> Book:
    """A body broke off after 8 of its 16 bytes, which are kept; the next ones came whole."""
    book = addressed(chunks=1, capabilities=(*ADDRESSED, "keeps-partial-body"))
    book.patch(16, 32, status=400, cut=True, sent=8)
    book.patch(16, 40, 40)
    book.patch(40, 64, 64)
    book.status(chunks=chunks)
    return book


@plant()
def chunks_are_listed_where_bodies_began_or_one_broke_off() -> Book:
    return keeping((0, 16, 24, 40))


@plant("status")
def a_chunk_is_listed_within_a_body_that_came_whole() -> Book:
    return keeping((0, 16, 24, 48))


# -- metadata ----------------------------------------------------------------------------------


def told_of_metadata(**headers: str) -> Book:
    told = {"tus-resumable": "1.0.0", "cache-control": "no-store", **headers}
    book = addressed(chunks=1)
    book.head(16, headers=told)
    return book


@plant("protocol")
def nothing_is_said_of_the_metadata_in_its_header() -> Book:
    return told_of_metadata(**{"upload-metadata": ""})


@plant()
def the_metadata_is_a_key_without_a_value() -> Book:
    return told_of_metadata(**{"upload-metadata": "overwrite"})


@plant()
def there_is_no_metadata() -> Book:
    return told_of_metadata()


# -- what is told beside the offset ------------------------------------------------------------

_CHUNKS, _PERCENT = "x-chunks", "x-percent"


@plant("status")
def fewer_chunks_are_counted_than_can_hold_the_bytes() -> Book:
    book = addressed(chunks=2)
    book.patch(32, 48, 48, headers={**TUS, _CHUNKS: "1", _PERCENT: "75.00"})
    return book


@plant("status")
def more_progress_is_told_than_was_sent() -> Book:
    book = addressed(chunks=2)
    book.patch(32, 48, 48, headers={**TUS, _CHUNKS: "3", _PERCENT: "80.00"})
    return book


@plant("status")
def progress_of_more_digits_than_any_number_has() -> Book:
    book = addressed(chunks=2)
    book.patch(32, 48, 48, headers={**TUS, _CHUNKS: "9" * 5_000, _PERCENT: "75.00"})
    return book


@plant()
def true_progress() -> Book:
    book = addressed(chunks=2)
    book.patch(32, 48, 48, headers={**TUS, _CHUNKS: "3", _PERCENT: "75.00"})
    return book


def _behind_a_gap(reading: Literal["all", "prefix"], percent: str) -> Book:
    """Two of four chunks are stored, one of them behind a gap."""
    progress = Progress(percent="X-Percent", reading=reading)
    book = addressed(chunks=1, progress=progress)
    book.patch(32, 48, 16, headers={**TUS, _PERCENT: percent})
    return book


def _counted(chunks: str, *documented: int, reading: Literal["all", "prefix"]) -> Book:
    """Two of four chunks are stored, one of them behind a gap; then a document lists some."""
    book = addressed(chunks=1, progress=Progress(chunks="X-Chunks", reading=reading))
    book.patch(32, 48, 16, headers={**TUS, _CHUNKS: chunks})
    book.status((16, 32), (48, 64), chunks=documented)
    return book


@plant()
def chunks_behind_a_gap_are_listed_where_the_prefix_is_counted() -> Book:
    return _counted("1", 0, 32, reading="prefix")


@plant("status")
def more_chunks_of_the_prefix_are_counted_than_there_are_chunks() -> Book:
    return _counted("9", 0, 32, reading="prefix")


@plant()
def chunks_behind_a_gap_are_listed_and_counted() -> Book:
    return _counted("2", 0, 32, reading="all")


@plant("status")
def more_chunks_are_counted_than_there_are() -> Book:
    return _counted("9", 0, 32, reading="all")


@plant()
def all_bytes_are_counted_as_the_header_is_read() -> Book:
    return _behind_a_gap("all", "50.00")


@plant()
def the_prefix_is_counted_as_the_header_is_read() -> Book:
    return _behind_a_gap("prefix", "25.00")


@plant("status")
def the_prefix_is_counted_where_all_bytes_are_to_be() -> Book:
    return _behind_a_gap("all", "25.00")


@plant("status")
def all_bytes_are_counted_where_the_prefix_is_to_be() -> Book:
    return _behind_a_gap("prefix", "50.00")


@plant()
def an_ended_upload_counts_nothing() -> Book:
    book = addressed()
    book.ask("terminate", None, error="dropped")
    book.patch(48, 64, 64, headers={**TUS, _CHUNKS: "0", _PERCENT: "0.00"})
    return book


@plant("residue")
def a_tombstone_outlives_its_time() -> Book:
    book = healthy_addressed()
    book.last[-1] = Residue(paths=(), swept=True, forgotten=(".upload/s/.lock",))
    return book


# -- bytes -------------------------------------------------------------------------------------


@plant("bytes")
def overlong_file() -> Book:
    book = sequential()
    book.final(run(0, 64), run(64, 80, 0, 48))
    return book


@plant("bytes")
def shifted_by_a_racing_append() -> Book:
    book = addressed(chunks=0)
    book.patch(0, 32, 32)
    book.lost(32, 64, replica=1)
    book.final(run(0, 32), run(32, 64, 0, 0))
    return book


@plant("bytes", "durability")
def zero_filled_hole() -> Book:
    book = addressed()
    book.final(run(0, 16), run(16, 32, None, zero=True), run(32, 64))
    return book


@plant("bytes", "durability", "linearizable")
def short_file() -> Book:
    book = addressed()
    book.final(run(0, 48))
    return book


@plant("bytes")
def torn_bytes() -> Book:
    book = addressed()
    book.final(run(0, 40), run(40, 41, None), run(41, 64))
    return book


@plant("bytes", "conflict", "linearizable")
def refused_bytes_overwrote() -> Book:
    book = addressed(chunks=3)
    book.patch(16, 32, status=409, content=1, replica=2)
    book.lost(48, 64)
    book.final(run(0, 16), run(16, 32, 1), run(32, 64))
    return book


@plant("bytes")
def rivals_mixed() -> Book:
    uploads = (
        UploadInfo(id="u", size=64, target="t"),
        UploadInfo(id="v", size=64, target="t"),
    )
    book = Book(uploads=uploads)
    for name in ("u", "v"):
        book.create(upload=name)
        book.patch(0, 32, 32, upload=name)
    book.lost(32, 64, upload="u")
    book.lost(32, 64, upload="v")
    mixed = (run(0, 48), run(48, 64, upload="v"))
    book.final(*mixed)
    book.final(run(0, 48, upload="u"), run(48, 64), upload="v")
    return book


# -- durability --------------------------------------------------------------------------------


@plant("durability", "linearizable")
def status_forgets_an_acknowledged_chunk() -> Book:
    book = addressed(chunks=2)
    book.patch(48, 64, 32)
    book.status((32, 48), (48, 64))
    return book


@plant("durability", "offsets", "linearizable")
def head_forgets_after_a_crash() -> Book:
    book = addressed(chunks=2)
    book.event("fault", fault="crash", replica=1)
    book.head(16, replica=2)
    return book


@plant("durability", "refusal")
def upload_is_forgotten() -> Book:
    book = addressed(chunks=2)
    book.head(None, status=404)
    return book


@plant("durability")
def announced_file_is_gone() -> Book:
    book = addressed()
    book.head(64)
    book.final(present=False)
    return book


def announcing(seconds: int) -> Book:
    """An upload that lives for 4 s and was said, in its third, to live until ``seconds``."""
    book = addressed(
        chunks=1,
        uploads=(UploadInfo(id="u", size=64, target="t", expires_ms=4_000),),
        capabilities=(*ADDRESSED, "expiration"),
        epoch_ns=0,
    )
    told = {**TUS, "upload-expires": formatdate(seconds, usegmt=True), "cache-control": "no-store"}
    book.head(16, at=(3_000, 3_002), headers=told, expires_s=seconds)
    return book


@plant("durability", "refusal")
def an_upload_is_gone_before_the_end_that_was_announced() -> Book:
    book = announcing(7)
    book.head(None, status=410, at=(4_500, 4_502))
    return book


@plant()
def an_upload_is_gone_after_the_end_that_was_announced() -> Book:
    book = announcing(7)
    book.head(None, status=410, at=(7_500, 7_502))
    return book


@plant()
def nobody_had_put_the_end_off() -> Book:
    book = announcing(4)
    book.head(None, status=410, at=(4_500, 4_502))
    return book


# -- offsets -----------------------------------------------------------------------------------


@plant("offsets", "linearizable")
def offset_ahead_of_what_was_sent() -> Book:
    book = addressed(chunks=2)
    book.head(48)
    return book


@plant("offsets", "linearizable")
def offset_goes_back() -> Book:
    book = addressed(chunks=1)
    book.lost(16, 32)
    book.head(32)
    book.head(16)
    return book


@plant("offsets", "linearizable")
def patch_answers_a_stale_offset() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, 16, replica=1)
    return book


# -- conflict ----------------------------------------------------------------------------------


@plant("conflict", "linearizable")
def two_contents_acknowledged() -> Book:
    book = addressed(chunks=0)
    book.patch(0, 16, 16, at=(10, 20))
    book.patch(8, 24, 24, content=1, at=(11, 21))
    return book


@plant("conflict", "linearizable")
def unanswered_writer_overwrote_an_acknowledged_one() -> Book:
    book = addressed()
    book.lost(16, 32, content=1)
    book.final(run(0, 16), run(16, 32, 1), run(32, 64))
    return book


# -- replay ------------------------------------------------------------------------------------


@plant("replay", "refusal")
def replay_is_refused() -> Book:
    book = addressed(chunks=2)
    book.patch(8, 24, status=409, replica=2)
    return book


@plant("replay")
def replay_changes_the_chunk_list() -> Book:
    book = addressed(chunks=2)
    book.status((32, 64), chunks=(0, 16))
    book.patch(8, 24, 32)
    book.status((32, 64), chunks=(0, 8, 16))
    return book


# -- checksum ----------------------------------------------------------------------------------


@plant("checksum")
def mismatch_is_accepted() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, 32, checksum="wrong")
    return book


@plant("checksum")
def right_checksum_is_refused() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, status=460, checksum="right")
    return book


@plant("checksum", "linearizable")
def mismatch_is_refused_and_kept() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, status=460, checksum="wrong")
    book.head(32)
    return book


@plant("checksum", "bytes", "linearizable")
def mismatch_stands_in_the_file() -> Book:
    book = addressed(chunks=3)
    book.patch(48, 64, status=460, checksum="wrong", content=1)
    book.lost(48, 64)
    book.final(run(0, 48), run(48, 64, 1))
    return book


# -- publication -------------------------------------------------------------------------------


@plant("publication")
def announced_before_it_is_there() -> Book:
    book = addressed()
    book.sight(False)
    book.sight()
    return book


@plant("publication")
def visible_before_it_was_sent() -> Book:
    book = addressed(chunks=2)
    book.sight()
    book.patch(32, 64, 64)
    return book


@plant("publication")
def changed_after_publication() -> Book:
    book = addressed()
    book.sight()
    book.patch(0, 16, 64, replay_of=1)
    book.sight(inode=8)
    return book


OVERWRITING = (UploadInfo(id="u", size=64, target="t", overwrite=True),)


@plant("publication")
def published_once_more_over_itself() -> Book:
    book = addressed(uploads=OVERWRITING)
    book.sight()
    book.sight(inode=8)
    return book


@plant()
def published_over_what_another_creation_left() -> Book:
    book = Book(uploads=OVERWRITING)
    book.create(status=None, error="dropped")
    book.create()
    for at in range(0, 64, 16):
        book.patch(at, at + 16, at + 16)
    book.sight()
    book.sight(inode=8)
    return book


@plant("publication")
def grows_in_public() -> Book:
    book = addressed(chunks=3)
    book.lost(48, 64)
    book.sight(size=32)
    return book


@plant("publication")
def two_winners_of_one_name() -> Book:
    uploads = tuple(UploadInfo(id=name, size=16, target="t") for name in "uv")
    book = Book(size=16, uploads=uploads)
    for name in "uv":
        book.create(upload=name)
        book.patch(0, 16, 16, upload=name)
    return book


# -- completion --------------------------------------------------------------------------------


@plant("completion")
def never_published() -> Book:
    book = addressed(chunks=3)
    book.heal()
    book.head(48, phase="heal")
    book.patch(48, 56, 56, phase="heal")
    book.patch(56, 64, status=423, phase="heal")
    book.head(56, phase="heal")
    book.final(present=False)
    return book


def _complete_when_asked(**sighting: object) -> Book:
    """All was sent, the last of it without an answer; when the sweeper's time is over somebody asks."""
    book = addressed(chunks=3, closing="sweeper", convergence_ms=10)
    book.lost(48, 64)
    book.heal()
    if sighting:
        book.sight(**sighting)
    book.event("phase", at=40, phase="converged")
    book.head(64, phase="heal")
    book.sight()
    book.final()
    return book


@plant("completion")
def nobody_finishes_it_before_somebody_asks() -> Book:
    return _complete_when_asked()


@plant()
def it_was_there_before_somebody_asked() -> Book:
    return _complete_when_asked(inode=7)


@plant("completion", "linearizable")
def unattended_completion_did_not_come() -> Book:
    book = addressed(chunks=0, closing="sweeper")
    book.patch(0, 32, 32, at=(10, 20))
    book.patch(32, 64, 0, at=(10, 19))
    book.heal()
    book.final(present=False)
    return book


@plant("completion", "availability")
def every_body_is_refused_and_every_head_answered() -> Book:
    book = sequential(chunks=2)
    book.heal()
    for _ in range(3):
        book.head(32, phase="heal")
        book.patch(32, 48, status=423, phase="heal")
    book.head(32, phase="heal")
    book.final(present=False)
    return book


# -- status ------------------------------------------------------------------------------------


@plant("status")
def finished_chunks_are_counted_and_not_listed() -> Book:
    book = addressed(chunks=3)
    book.patch(48, 64, 64, headers={**TUS, _CHUNKS: "4"})
    book.status(chunks=())
    return book


@plant()
def finished_chunks_are_listed_as_they_were_counted() -> Book:
    book = addressed(chunks=3)
    book.patch(48, 64, 64, headers={**TUS, _CHUNKS: "4", _PERCENT: "100.00"})
    book.status(chunks=(0, 16, 32, 48))
    return book


@plant()
def chunks_that_came_in_between_are_listed_as_well() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, 32, headers={**TUS, _CHUNKS: "2", _PERCENT: "50.00"}, at=(10, 20))
    book.patch(32, 48, 48, at=(15, 25))
    book.status((48, 64), chunks=(0, 16, 32), at=(22, 24))
    return book


@plant("status")
def fields_disagree() -> Book:
    book = addressed(chunks=2)
    book.status((32, 64), chunks=(0, 16), fields={"committed_offset": 16})
    return book


@plant("status")
def chunk_in_a_gap() -> Book:
    book = addressed(chunks=2)
    book.status((32, 64), chunks=(0, 16, 48))
    return book


@plant("status")
def a_chunk_is_listed_twice() -> Book:
    book = addressed(chunks=2)
    book.status((32, 64), chunks=(0, 16, 16))
    return book


@plant("status")
def a_finished_list_is_not_in_order() -> Book:
    book = addressed()
    book.status(chunks=(0, 32, 16, 48))
    return book


@plant("status")
def a_chunk_is_listed_where_no_body_began_or_ended() -> Book:
    book = addressed(chunks=2)
    book.status((32, 64), chunks=(0, 8, 16))
    return book


@plant()
def a_body_that_overlaps_is_stored_in_pieces() -> Book:
    book = addressed(chunks=0)
    book.patch(16, 32, 0)
    book.patch(0, 48, 48)
    book.status((48, 64), chunks=(0, 16, 32))
    return book


@plant("status", "linearizable")
def received_what_nobody_sent() -> Book:
    book = addressed(chunks=2)
    book.status((32, 48), chunks=(0, 48))
    return book


@plant("status", "linearizable")
def status_takes_back() -> Book:
    book = addressed(chunks=1)
    book.lost(32, 48)
    book.status((16, 32), (48, 64), chunks=(0, 32))
    book.status((16, 64), chunks=(0,))
    return book


@plant("status")
def unreadable_document() -> Book:
    book = addressed(chunks=1)
    book.ask("status", 200, malformed="missing_ranges is no list")
    return book


# -- residue -----------------------------------------------------------------------------------


@plant("residue")
def litter_after_the_sweep() -> Book:
    book = addressed(leftovers=(".upload/*/info.json",))
    book.final()
    book.residue(".upload/s/info.json", ".upload/s/chunks/chunk_0.dat.tmp")
    return book


@plant("residue")
def visible_beside_the_target() -> Book:
    book = addressed()
    book.event("beside", path="t.part")
    return book


@plant("residue")
def a_file_like_an_upload_s_though_every_upload_is_known() -> Book:
    book = addressed()
    book.event("beside", path="7f3a", alike=True)
    return book


@plant()
def a_file_like_an_upload_s_where_an_address_got_lost() -> Book:
    book = addressed()
    book.create(status=None, error="dropped")
    book.event("beside", path="7f3a", alike=True)
    return book


# -- protocol ----------------------------------------------------------------------------------


@plant("protocol")
def head_without_no_store() -> Book:
    book = addressed()
    book.head(64, headers={"tus-resumable": "1.0.0"})
    return book


EPOCH_NS = 1_800_000_000 * 1_000_000_000


def _expiring_at(second: int) -> Book:
    info = UploadInfo(id="u", size=64, target="t", expires_ms=60_000)
    book = Book(uploads=(info,), epoch_ns=EPOCH_NS)
    expires = formatdate(EPOCH_NS / 1e9 + second, usegmt=True)
    headers = {**TUS, "location": "/files/1", "upload-expires": expires}
    book.create(headers=headers, expires_s=EPOCH_NS // 10**9 + second)
    return book


@plant("protocol")
def expired_before_it_began() -> Book:
    return _expiring_at(-3600)


@plant("protocol")
def expires_long_after_it_may() -> Book:
    return _expiring_at(3600)


@plant()
def served_a_while_after_it_was_to_expire() -> Book:
    book = _expiring_at(2)
    expires = formatdate(EPOCH_NS / 1e9 + 2, usegmt=True)
    told = {**TUS, "upload-expires": expires, "cache-control": "no-store"}
    book.head(0, at=(30_000, 30_001), headers=told, expires_s=EPOCH_NS // 10**9 + 2)
    return book


@plant()
def expires_when_it_should() -> Book:
    return _expiring_at(60)


@plant("protocol")
def answer_without_version() -> Book:
    book = addressed()
    book.head(64, headers={"cache-control": "no-store"})
    return book


@plant("protocol")
def accepted_past_the_end() -> Book:
    book = addressed(chunks=3)
    book.patch(48, 70, 64)
    return book


@plant("protocol", "linearizable")
def accepted_at_a_stale_offset() -> Book:
    book = sequential(chunks=2)
    book.patch(16, 32, 32, replica=2)
    return book


@plant("protocol", "linearizable")
def served_after_termination() -> Book:
    book = addressed(chunks=2)
    book.ask("terminate", 204)
    book.head(32)
    return book


# -- availability ------------------------------------------------------------------------------


@plant("availability")
def unexplained_500() -> Book:
    book = addressed(chunks=2)
    book.head(None, status=500)
    return book


@plant("availability")
def answered_500_before_its_body_was_sent() -> Book:
    book = addressed(chunks=2)
    book.patch(32, 48, status=500, sent=0)
    return book


@plant()
def reset_before_its_body_was_sent() -> Book:
    book = addressed(chunks=2)
    book.ask("append", None, start=32, end=48, sent=4, error="reset")
    return book


@plant("availability")
def published_and_head_is_refused_for_good() -> Book:
    book = addressed()
    book.heal()
    for _ in range(4):
        book.head(
            None, status=423, phase="heal", headers={"retry-after": "1", "tus-resumable": "1.0.0"}
        )
    book.final()
    return book


@plant("availability")
def hang() -> Book:
    book = addressed(chunks=2)
    book.ask("query", None, error="timeout")
    return book


@plant("availability", "completion")
def locked_for_good() -> Book:
    book = addressed(chunks=3)
    book.heal()
    for _ in range(4):
        book.head(
            None, status=423, phase="heal", headers={"retry-after": "1", "tus-resumable": "1.0.0"}
        )
    book.final(present=False)
    return book


@plant("availability")
def delete_never_has_the_room_that_it_makes() -> Book:
    book = addressed(chunks=2)
    book.event("fault", fault="disk-full")
    for _ in range(4):
        book.ask("terminate", 507)
    book.event("fault", fault="disk-full", ends=True)
    return book


def asking_on_a_full_disk(times: int) -> Book:
    book = addressed(chunks=2)
    book.event("fault", fault="disk-full")
    for _ in range(times):
        book.head(None, status=507)
    book.head(32)
    book.event("fault", fault="disk-full", ends=True)
    return book


@plant("availability")
def head_is_refused_for_want_of_room_that_it_does_not_need() -> Book:
    return asking_on_a_full_disk(4)


@plant()
def head_tries_what_needs_room_and_then_answers() -> Book:
    return asking_on_a_full_disk(3)


@plant()
def delete_has_room_at_the_second_try() -> Book:
    book = addressed(chunks=2)
    book.event("fault", fault="disk-full")
    for _ in range(3):
        book.ask("terminate", 507)
    book.ask("terminate", 204)
    book.event("fault", fault="disk-full", ends=True)
    return book


@plant()
def delete_of_what_holds_nothing_yet_makes_no_room() -> Book:
    """Bytes that came later say nothing about what a DELETE could have given back."""
    book = Book()
    book.create()
    book.event("fault", fault="disk-full")
    for _ in range(6):
        book.ask("terminate", 507)
    book.event("fault", fault="disk-full", ends=True)
    book.patch(0, 64, 64)
    book.head(64)
    book.final()
    return book


@plant()
def calls_of_the_replica_itself_had_no_room() -> Book:
    """EDQUOT for single calls has nothing to do with how much room there is."""
    book = addressed(chunks=1)
    book.event("fault", fault="edquot", replica=0)
    for _ in range(6):
        book.ask("terminate", 507, replica=0)
    return book


@plant()
def single_calls_anywhere_had_no_room() -> Book:
    """Nor has ENOSPC where locks are opened, whichever replica opens them."""
    book = addressed(chunks=1)
    book.event("fault", fault="enospc", path=".upload/a.lock")
    for _ in range(6):
        book.ask("terminate", 507)
    return book


@plant("availability")
def what_was_damaged_elsewhere_takes_no_room() -> Book:
    """A fault with a path is not always one of single calls."""
    book = addressed(chunks=1)
    book.event("fault", fault="damage", path=".upload/b.info")
    book.event("fault", fault="disk-full")
    for _ in range(6):
        book.ask("terminate", 507)
    return book


# -- starvation --------------------------------------------------------------------------------


def crowded(*, tries: int = 12, served: int = 12, status: int = 423, client: str = "c1") -> Book:
    """``c1`` is put off ``tries`` times, and ``c0`` is served ``served`` times meanwhile."""
    book = addressed(chunks=2)
    for turn in range(max(tries, served)):
        at = 20 + 10 * turn
        if turn < tries:
            book.patch(32, 48, status=status, at=(at, at + 6), client=client, replica=1)
        if turn < served:
            book.head(32, at=(at + 1, at + 5), replica=0)
    return book


@plant("starvation")
def somebody_is_put_off_while_others_are_served() -> Book:
    return crowded()


@plant("starvation")
def somebody_is_told_to_come_again_for_ever() -> Book:
    return crowded(tries=20, served=30, status=429)


@plant()
def who_is_served_in_the_end_was_only_unlucky() -> Book:
    book = crowded(tries=11, served=20)
    book.patch(32, 48, 48, at=(300, 304), client="c1", replica=1)
    return book


@plant()
def where_nobody_is_served_nobody_is_preferred() -> Book:
    return crowded(served=11)


@plant()
def who_is_put_off_by_a_fault_is_not_put_off_by_the_store() -> Book:
    book = addressed(chunks=2)
    book.event("fault", at=15, fault="partition-storage", id="f", replica=1)
    for turn in range(14):
        at = 20 + 10 * turn
        book.patch(32, 48, status=423, at=(at, at + 6), client="c1", replica=1)
        book.head(32, at=(at + 1, at + 5), replica=0)
    book.event("fault", at=2_000, fault="partition-storage", id="f", replica=1, ends=True)
    return book


# -- hooks -------------------------------------------------------------------------------------


def hooked(*told: int) -> Book:
    """An upload whose file appears at 25 ms; others are told at these times, in ms."""
    book = addressed(chunks=3, capabilities=(*ADDRESSED, "tells-finished"))
    book.patch(48, 64, 64, at=(20, 40))
    book.sight(False, at=25)
    book.sight(at=25)
    for at in told:
        book.event("told", at=at, upload="u")
    book.final()
    return book


@plant("hooks")
def others_are_told_before_the_file_is_there() -> Book:
    return hooked(23)


@plant("hooks")
def others_are_told_twice() -> Book:
    return hooked(30, 32)


@plant("hooks")
def others_are_never_told() -> Book:
    return hooked()


@plant()
def others_are_told_once_when_the_file_is_there() -> Book:
    return hooked(30)


@plant()
def after_a_crash_others_are_told_again() -> Book:
    book = hooked(30, 35)
    book.event("fault", at=33, fault="crash", replica=0)
    return book


# -- joined ------------------------------------------------------------------------------------

JOINS = (*SEQUENTIAL, "concatenation", "keeps-parts", "publishes-atomically", "head-after-finish")


def parts_of(
    *,
    capabilities: tuple[str, ...] = JOINS,
    finals: tuple[str, ...] = ("f",),
    published: bool = True,
) -> Book:
    """Two parts of 32 bytes, whole; the final upload is still to be asked for."""
    parts = ("a", "b")
    book = Book(
        sequential=True,
        capabilities=capabilities,
        uploads=(
            *(UploadInfo(id=part, size=32, target=part, partial=True) for part in parts),
            *(UploadInfo(id=final, size=64, target=final, parts=parts) for final in finals),
        ),
    )
    for part in parts:
        book.create(upload=part)
        book.patch(0, 32, 32, upload=part)
        if published:
            book.final(run(0, 32), upload=part)
        else:
            book.final(present=False, upload=part)
    return book


def joined(
    *runs: Run, status: int = 201, told: int = 64, length: int = 64, published: bool = True
) -> Book:
    """Joined and asked for; without runs in the order asked for."""
    book = parts_of(published=published)
    book.create(upload="f", status=status)
    if status == 201:
        book.ask("query", 200, upload="f", offset=told, upload_length=length)
    book.final(*(runs or (run(0, 32, upload="a"), run(32, 64, source=0, upload="b"))), upload="f")
    return book


@plant()
def parts_are_joined() -> Book:
    return joined()


def unpublished_parts(*runs: Run) -> Book:
    """Of the parts there never was a file; what is kept of them is swept around."""
    book = joined(*runs, published=False)
    for part in ("a", "b"):
        book.ask("query", 200, upload=part, offset=32, upload_length=32)
    book.residue("led/a.d")
    return book


@plant()
def parts_have_no_file_of_their_own() -> Book:
    return unpublished_parts()


@plant("joined")
def parts_have_no_file_and_half_of_the_join_is_a_hole() -> Book:
    return unpublished_parts(run(0, 32, upload="a"), run(32, 64, None, zero=True))


@plant("joined")
def parts_are_joined_in_another_order() -> Book:
    return joined(run(0, 32, upload="b"), run(32, 64, source=0, upload="a"))


@plant("joined")
def a_part_is_joined_twice() -> Book:
    extra = run(64, 96, source=0, upload="b")
    return joined(run(0, 32, upload="a"), run(32, 64, source=0, upload="b"), extra)


@plant("joined")
def a_part_of_a_join_is_a_hole() -> Book:
    return joined(run(0, 32, upload="a"), run(32, 64, None, zero=True))


@plant("joined")
def half_of_a_join_that_nobody_was_told_of_is_there() -> Book:
    return joined(run(0, 32, upload="a"), run(32, 64, None, zero=True), status=500)


@plant("joined")
def a_join_is_shorter_than_its_parts() -> Book:
    return joined(told=48, length=48)


@plant("joined")
def what_was_joined_has_no_file() -> Book:
    book = parts_of()
    book.create(upload="f")
    book.final(present=False, upload="f")
    return book


@plant("joined")
def what_was_joined_is_forgotten() -> Book:
    book = joined()
    book.heal()
    book.ask("query", 404, upload="f", phase="heal")
    return book


@plant()
def a_join_that_was_refused_has_no_file() -> Book:
    book = parts_of()
    book.create(upload="f", status=409)
    book.final(present=False, upload="f")
    return book


@plant("joined")
def a_join_of_parts_that_are_there_is_refused() -> Book:
    book = parts_of()
    book.create(upload="f", status=400)
    book.final(present=False, upload="f")
    return book


@plant()
def a_join_is_refused_whose_part_is_deleted() -> Book:
    book = parts_of()
    book.ask("terminate", 204, upload="a")
    book.create(upload="f", status=404)
    book.final(present=False, upload="f")
    return book


@plant()
def a_join_is_refused_while_a_part_is_sent_again() -> Book:
    book = parts_of()
    began = book.now / 1e6
    book.patch(0, 32, upload="b", status=409, at=(began + 1, began + 9))
    book.create(upload="f", status=400, at=(began + 2, began + 4))
    book.final(present=False, upload="f")
    return book


@plant()
def a_join_is_refused_while_another_is_made_of_the_same_parts() -> Book:
    book = parts_of(finals=("f", "g"))
    began = book.now / 1e6
    book.create(upload="g", at=(began + 1, began + 9))
    book.create(upload="f", status=400, at=(began + 2, began + 4))
    book.final(run(0, 32, upload="a"), run(32, 64, source=0, upload="b"), upload="g")
    book.final(present=False, upload="f")
    return book


@plant("joined")
def both_joins_that_are_asked_for_at_once_are_refused() -> Book:
    book = parts_of(finals=("f", "g"))
    began = book.now / 1e6
    book.create(upload="g", status=400, at=(began + 1, began + 9))
    book.create(upload="f", status=400, at=(began + 2, began + 4))
    for final in ("f", "g"):
        book.final(present=False, upload=final)
    return book


@plant()
def a_join_is_refused_before_its_last_part_is_acknowledged() -> Book:
    book = parts_of()
    ends = book.now / 1e6
    book.create(upload="f", status=400, at=(ends - 1, ends + 4))
    book.final(present=False, upload="f")
    return book


@plant()
def a_join_is_refused_that_was_asked_for_before() -> Book:
    book = parts_of()
    book.create(upload="f", status=None, error="dropped")
    book.create(upload="f", status=400)
    book.final(run(0, 32, upload="a"), run(32, 64, source=0, upload="b"), upload="f")
    return book


@plant()
def the_bytes_of_a_join_go_with_a_part_that_is_deleted() -> Book:
    book = parts_of()
    book.create(upload="f")
    book.ask("terminate", 204, upload="a")
    book.final(present=False, upload="f")
    return book


@plant("joined")
def a_join_is_called_complete_without_a_part_that_is_deleted() -> Book:
    book = parts_of()
    book.ask("terminate", 204, upload="a")
    book.create(upload="f")
    book.ask("query", 200, upload="f", offset=64, upload_length=64)
    book.final(present=False, upload="f")
    return book


@plant("durability")
def a_part_is_taken_away_by_a_join() -> Book:
    book = joined()
    book.ask("query", 404, upload="a")
    return book


@plant()
def a_part_is_taken_away_by_a_join_of_a_target_that_does_not_say_that_it_stays() -> Book:
    book = parts_of(capabilities=tuple(one for one in JOINS if one != "keeps-parts"))
    book.last.clear()
    book.event("sighting", upload="a", present=True, size=32, inode=7, mtime_ns=70)
    book.create(upload="f")
    book.event("sighting", upload="a", present=False)
    book.ask("query", 404, upload="a")
    for part in ("a", "b"):
        book.final(present=False, upload=part)
    book.final(run(0, 32, upload="a"), run(32, 64, source=0, upload="b"), upload="f")
    return book


# -- declared ----------------------------------------------------------------------------------


def deferred() -> Book:
    """An upload without a length, of which 32 bytes are there."""
    book = Book(
        sequential=True,
        capabilities=(*SEQUENTIAL, "defer-length", "publishes-atomically", "head-after-finish"),
        uploads=(UploadInfo(id="u", size=64, target="t", deferred=True),),
    )
    book.create()
    book.patch(0, 32, 32)
    return book


def asked(book: Book, offset: int, length: int | None, **more: Any) -> None:
    book.ask("query", 200, offset=offset, upload_length=length, **more)


@plant()
def a_length_comes_with_the_last_bytes() -> Book:
    book = deferred()
    asked(book, 32, None)
    book.patch(32, 64, 64, declares=64)
    asked(book, 64, 64)
    book.final()
    return book


@plant("declared")
def a_length_that_was_acknowledged_is_lost() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=64)
    asked(book, 32, None)
    return book


@plant("declared")
def a_length_is_told_that_nobody_declared() -> Book:
    book = deferred()
    asked(book, 32, 64)
    return book


@plant("declared")
def a_second_length_takes_the_place_of_the_first() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=64)
    book.patch(32, 32, 32, declares=80)
    asked(book, 32, 80)
    return book


@plant()
def a_second_length_is_passed_over() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=64)
    book.patch(32, 32, 32, declares=80)
    asked(book, 32, 64)
    return book


@plant()
def of_two_lengths_at_once_either_counts() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=64, at=(20, 24))
    book.patch(32, 32, 32, declares=80, at=(21, 23))
    asked(book, 32, 64)
    return book


@plant("declared")
def of_two_lengths_at_once_one_is_told_after_the_other() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=64, at=(20, 24))
    book.patch(32, 32, 32, declares=80, at=(21, 23))
    asked(book, 32, 64)
    asked(book, 32, 80)
    return book


@plant("declared")
def a_length_below_the_offset_is_taken() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=16)
    asked(book, 32, 16)
    return book


@plant()
def a_length_below_the_offset_is_refused() -> Book:
    book = deferred()
    book.patch(32, 32, status=400, declares=16)
    asked(book, 32, None)
    return book


@plant("declared")
def the_file_has_another_length_than_the_one_that_counts() -> Book:
    book = deferred()
    book.patch(32, 32, 32, declares=80)
    book.patch(32, 80, 80)
    asked(book, 80, 80)
    book.final(run(0, 64))
    return book


# -- waiting -----------------------------------------------------------------------------------


def stalling(*, replica: int = 0) -> Book:
    """A body that stands still at ``replica`` from 20 to 1020 ms."""
    book = addressed(chunks=2)
    book.patch(32, 48, 48, at=(15, 1_022), replica=replica)
    book.event("standstill", at=20, op=book.count - 1, replica=replica)
    book.event("standstill", at=1_020, op=book.count - 1, replica=replica, ends=True)
    return book


@plant("waiting")
def a_head_elsewhere_waits_for_a_body() -> Book:
    book = stalling()
    book.head(48, at=(100, 1_030), replica=1)
    return book


@plant("waiting")
def a_patch_elsewhere_waits_for_a_body() -> Book:
    book = stalling()
    book.patch(48, 64, 64, at=(400, 1_030), replica=2)
    return book


@plant("waiting")
def a_refusal_comes_only_after_the_body() -> Book:
    book = stalling()
    book.patch(48, 64, status=423, at=(400, 1_030), replica=2)
    return book


@plant()
def who_waits_while_a_third_stands_still_may_wait_for_that() -> Book:
    book = stalling()
    book.event("fault", at=50, fault="partition-storage", id="f", replica=0)
    book.head(48, at=(100, 1_030), replica=1)
    book.event("fault", at=2_000, fault="partition-storage", id="f", replica=0, ends=True)
    return book


@plant()
def what_is_refused_at_once_or_served_did_not_wait() -> Book:
    book = stalling()
    book.patch(48, 64, status=423, at=(400, 402), replica=2)
    book.head(32, at=(450, 700), replica=1)
    return book


@plant()
def a_server_may_give_a_slow_body_its_only_process() -> Book:
    book = stalling()
    book.head(48, at=(100, 1_030), replica=0)
    return book


@plant()
def who_comes_late_in_the_stall_did_not_wait_for_it() -> Book:
    book = stalling()
    book.head(48, at=(800, 1_030), replica=1)
    return book


@plant()
def a_paused_replica_has_another_reason_to_wait() -> Book:
    book = stalling()
    book.event("fault", at=50, fault="pause", replica=1)
    book.head(48, at=(100, 1_030), replica=1)
    book.event("fault", at=1_029, fault="pause", replica=1, ends=True)
    return book


# -- linearizable ------------------------------------------------------------------------------


@plant("linearizable")
def lost_chunk_seen_then_not_and_no_single_rule_tells() -> Book:
    """The first look shows the unanswered late chunk and not the early one; the second the reverse."""
    book = addressed(chunks=0)
    book.lost(16, 32, at=(10, 11))
    book.lost(0, 16, at=(10, 12))
    book.status((0, 16), (32, 64), chunks=(16,), at=(20, 30))
    book.status((16, 64), chunks=(0,), at=(21, 31))
    return book


@plant("linearizable", "refusal")
def refused_bytes_count_towards_the_offset() -> Book:
    book = addressed(chunks=1)
    book.patch(16, 32, status=400)
    book.head(32)
    return book


OPTIONS_PROBE = ProbeSent(case="options", step=0, method="discover")


@plant()
def a_probe_answered_rightly() -> Book:
    book = addressed()
    extensions = "creation,creation-with-upload,checksum,termination"
    book.probe(OPTIONS_PROBE, 204, tus_version="1.0.0", tus_extension=extensions)
    return book


@plant("conformance")
def a_probe_answered_wrongly() -> Book:
    book = addressed()
    book.probe(OPTIONS_PROBE, 204, tus_version="0.2.2", tus_extension="creation")
    return book


@plant("conformance")
def a_probe_that_no_other_checker_judges() -> Book:
    book = addressed()
    book.probe(OPTIONS_PROBE, 500)
    return book


@plant("linearizable")
def revived_after_termination() -> Book:
    book = addressed(chunks=0)
    book.ask("terminate", None, error="dropped")
    book.head(None, status=410)
    book.patch(0, 16, 16)
    return book


KEEPING = (*ADDRESSED, "checks-records")


def emptied(*, left: int = 0, way: str = "", capabilities: tuple[str, ...] = KEEPING) -> Book:
    """Two chunks were acknowledged when the record was damaged."""
    book = addressed(chunks=2, capabilities=capabilities)
    book.event("damage", upload="u", offset=0, length=200, record=True, left=left, way=way)
    return book


@plant("records")
def an_emptied_record_is_taken_for_a_new_upload() -> Book:
    book = emptied()
    book.head(0)
    return book


@plant("records")
def of_a_record_that_was_cut_only_its_beginning_is_believed() -> Book:
    book = emptied(left=120, way="cut")
    book.head(16)
    return book


@plant("records")
def zeros_are_taken_for_a_new_upload() -> Book:
    book = emptied(left=200, way="zeroed")
    book.head(0)
    return book


@plant("records")
def what_was_acknowledged_is_forgotten_with_the_record() -> Book:
    book = emptied()
    book.patch(0, 16, 16)
    return book


@plant("records")
def an_upload_is_unknown_since_its_record_is_empty() -> Book:
    book = emptied()
    book.head(None, status=404)
    return book


@plant()
def an_emptied_record_is_told() -> Book:
    book = emptied()
    book.head(None, status=500)
    book.patch(32, 48, status=500)
    return book


@plant()
def an_emptied_record_is_made_up_for() -> Book:
    book = emptied()
    book.head(32)
    book.patch(32, 48, 48)
    return book


@plant()
def an_older_record_cannot_be_told_from_a_newer() -> Book:
    book = emptied(left=180, way="older")
    book.head(16)
    return book


@plant()
def another_number_may_be_as_good_as_the_true_one() -> Book:
    book = emptied(left=200, way="flipped")
    book.head(16)
    return book


@plant()
def a_cut_that_shows_nothing_harms_nobody() -> Book:
    book = emptied(left=199, way="cut")
    book.head(32)
    return book


@plant()
def an_upload_that_is_created_anew_begins_anew() -> Book:
    book = emptied()
    book.head(None, status=500)
    book.create()
    book.head(0)
    return book


@plant()
def who_does_not_look_at_records_is_not_asked_to() -> Book:
    book = emptied(capabilities=ADDRESSED)
    book.head(0)
    return book


@pytest.mark.parametrize(("name", "expected", "build"), PLANTS, ids=[one[0] for one in PLANTS])
def test_exactly_the_right_checkers_fire(name: str, expected: set[str], build: Plant) -> None:
    assert fired(build().history()) == expected


def test_every_checker_is_planted_against() -> None:
    from patchstorm.check import CHECKERS

    planted = {name for _, names, _ in PLANTS for name in names}
    assert {one.name for one in CHECKERS} == planted


def test_bytes_names_both_requests() -> None:
    finding = found(shifted_by_a_racing_append().history(), "bytes")

    assert [(one.offset, one.length) for one in finding.ranges] == [(32, 32)]
    assert finding.operations == (
        1,
        2,
    )  # the one that sent what stands there, the one whose place it is
    assert "duplicated from [0, 32)" in finding.summary
    assert [line[:2] for line in finding.story] == ["->", "->", "->"]


def test_the_story_is_chronological_and_relative() -> None:
    finding = found(head_forgets_after_a_crash().history(), "durability")

    times = [float(line[2:].split(" ms")[0]) for line in finding.story]
    assert times == sorted(times)
    assert finding.story[-1].startswith("->")
    assert "crash" in finding.story[-2]


def test_sequential_capabilities_do_not_owe_what_they_do_not_declare() -> None:
    assert "publishes-atomically" not in SEQUENTIAL
    book = sequential(chunks=2)
    book.final(run(0, 32))

    assert fired(book.history()) == set()


def test_only_a_complaint_about_a_header_is_one_about_a_header() -> None:
    book = addressed()
    book.head(64, headers={"tus-resumable": "1.0.0"})
    told = [one for judged in judge(book.history()) for one in judged.findings]
    assert [one.header for one in told] == ["HEAD was answered without Cache-Control: no-store"]
    book = addressed()
    book.head(64, status=299)
    told = [one for judged in judge(book.history()) for one in judged.findings]
    assert [(one.checker, one.header) for one in told] == [("protocol", None)]
