"""The words of stories: ids stay apart, headers are told where they matter, and no secret is."""

from __future__ import annotations

from patchstorm.dialect.phrases import befell, headers_told, shortened
from patchstorm.dialect.registry import words_of
from patchstorm.history.events import Exit, Fault
from patchstorm.history.model import Completion, Invocation, Kind, Operation, RequestHead

TUS = words_of("tus")


def asked(kind: Kind, status: int, *headers: tuple[str, str]) -> str:
    request = RequestHead(method="ANY", path="/x?token=hidden", headers=headers)
    offset = 0 if kind == "append" else None
    call = Invocation(
        op=0, time_ns=0, client="c", kind=kind, offset=offset, length=offset, request=request
    )
    end = Completion(
        op=0, time_ns=1, outcome="ok" if status < 300 else "fail", status=status, sent=0
    )
    return headers_told(TUS, Operation(call=call, end=end))


def test_ids_of_two_uploads_that_end_alike_are_told_apart() -> None:
    lines = [f"unlink {start}0000000000001/x" for start in ("00000001000", "00000002000")]
    first, second = shortened(lines)
    assert first != second
    assert len(first) < len(lines[0])


def test_ids_that_end_differently_are_cut_to_four_characters() -> None:
    assert shortened(["a 00000000000000000001", "b 00000000000000000002"]) == ["a ~0001", "b ~0002"]


def test_of_an_error_all_headers_are_told_and_a_key_without_a_value_is_among_them() -> None:
    sent = (("Upload-Length", "8"), ("Upload-Metadata", "filename eA==,flag"))
    assert "Upload-Metadata: filename eA==,flag" in asked("create", 500, *sent)
    assert asked("create", 201, *sent) == ""


def test_what_is_odd_is_told_although_all_went_well() -> None:
    usual = (("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "0"))
    assert asked("append", 204, *usual) == asked("append", 409, *usual) == ""
    assert "Content-Type: text/plain" in asked("append", 204, ("Content-Type", "text/plain"))
    assert "Upload-Checksum: sha1 x" in asked("append", 204, ("Upload-Checksum", "sha1 x"))
    assert "Upload-Offset: 1" in asked("append", 409, ("Upload-Offset", "1"))


def test_secrets_and_control_characters_are_not() -> None:
    told = asked(
        "create",
        500,
        ("Authorization", "Bearer s3cret"),
        ("X-Api-Key", "s3cret"),
        ("X-A", "\x1b[1m"),
    )
    assert "s3cret" not in told
    assert "\x1b" not in told
    assert "X-A" in told


def test_a_pause_names_who_and_its_end_as_well() -> None:
    pause = Fault(time_ns=0, replica=1, fault="pause")
    over = Fault(time_ns=0, replica=1, fault="pause", ends=True)
    assert (befell(pause), befell(over)) == (
        "fault pause: replica 1 stands still",
        "fault pause ends: replica 1 goes on",
    )


def test_a_replica_that_ended_by_itself_has_its_code_and_its_last_words() -> None:
    told = befell(Exit(time_ns=0, replica=2, code=3, said="a\nout of memory\x1b[0m\n"))
    assert "code 3" in told and "out of memory" in told and "\x1b" not in told


def test_what_befalls_the_companion_is_not_told_of_a_replica() -> None:
    begun, over = (Fault(time_ns=0, fault="companion-crash", ends=ends) for ends in (False, True))
    assert befell(begun) == "fault companion-crash: what all replicas share is killed"
    assert befell(over) == "fault companion-crash ends: the companion is started again"
