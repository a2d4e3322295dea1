"""Histories out and in again, and what is said about files that are none."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchstorm.errors import UsageError
from patchstorm.history import (
    Recorder,
    assemble,
    digest,
    parse_history,
    read_history,
    records_of,
    write_history,
)
from patchstorm.history.build import Malformed
from patchstorm.history.events import Note, Phase
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Residue,
    Run,
    StatusDocument,
    UploadInfo,
)
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.strikes import struck

HEADER = Header(
    scenario="example",
    seed=3,
    world="sim",
    storage="tmpfs",
    target="reference",
    capabilities=("offset-addressed", "status"),
    reading="offset-addressed",
    replicas=2,
    clock="virtual",
    uploads=(UploadInfo(id="u", size=8, target="a/b.bin"),),
)


def recorded() -> Recorder:
    """A history with a record of every type."""
    recorder = Recorder(HEADER)
    post = recorder.invoke(time_ns=5, client="c", kind="create", upload="u")
    recorder.complete(post, time_ns=9, status=201, headers={"location": "/x", "a": "b"})
    patch = recorder.invoke(
        time_ns=10, client="c", kind="append", upload="u", replica=1, offset=0, length=8
    )
    recorder.add(struck("crash", time_ns=11, replica=1))
    status = recorder.invoke(time_ns=12, client="d", kind="status", upload="u")
    document = StatusDocument(
        total_size=8,
        committed_offset=0,
        chunks_received=(),
        missing_ranges=((0, 8),),
        progress_percent=0.0,
        status="uploading",
    )
    recorder.complete(status, time_ns=13, status=200, document=document)
    recorder.complete(patch, time_ns=14, error=NoAnswer.RESET, sent=3)
    recorder.invoke(time_ns=15, client="d", kind="query", upload="u")
    recorder.add(
        Final(upload="u", present=True, size=8, runs=(Run(offset=0, length=8, content=0),))
    )
    recorder.add(Residue(paths=(".upload/x/info.json",), swept=True))
    return recorder


def text(recorder: Recorder) -> bytes:
    file = io.BytesIO()
    recorder.write(file)
    return file.getvalue()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    recorder = recorded()
    path = tmp_path / "h.jsonl"
    path.write_bytes(text(recorder))

    history = read_history(path)

    assert history == recorder.history()
    assert [one.outcome for one in history.operations] == ["ok", "info", "ok", "info"]
    assert history.operations[3].end is None


def test_a_history_written_whole_reads_the_same() -> None:
    history = recorded().history()
    file = io.BytesIO()
    write_history(history, file)

    assert parse_history(file.getvalue()) == history
    assert assemble(records_of(history)) == history


def test_a_sink_holds_what_had_happened_when_the_run_was_killed() -> None:
    sink = io.BytesIO()
    recorder = Recorder(HEADER, sink)
    op = recorder.invoke(time_ns=1, client="c", kind="query", upload="u")
    history = parse_history(sink.getvalue())

    assert history.operations[op].end is None


def test_the_status_decides_the_outcome_where_nobody_else_does() -> None:
    recorder = Recorder(HEADER)
    outcomes = []
    for status in (200, 204, 301, 404, 423, 500, 507, None):
        op = recorder.invoke(time_ns=1, client="c", kind="query", upload="u")
        outcomes.append(recorder.complete(op, time_ns=2, status=status).outcome)

    assert outcomes == ["ok", "ok", "fail", "fail", "fail", "info", "info", "info"]


# -- refusals ----------------------------------------------------------------------------------

LINES = text(recorded()).decode().splitlines(keepends=True)


def changed(at: int, old: str, new: str) -> str:
    assert old in LINES[at]
    return "".join([*LINES[:at], LINES[at].replace(old, new), *LINES[at + 1 :]])


REFUSALS = {
    "empty": ("", "h: is empty"),
    "no header": ("".join(LINES[1:]), "h:1: the first record is 'invoke', not the header"),
    "other format": (changed(0, "patchstorm-history", "knossos"), "h:1: format is 'knossos'"),
    "unknown version": (changed(0, '"version":2', '"version":3'), "h:1: version 3 is unknown"),
    "second header": ("".join([*LINES, LINES[0]]), f"h:{len(LINES) + 1}: a second header"),
    "no json": (changed(2, '{"type"', '"type"'), "h:3: is not JSON"),
    "cut off": ("".join(LINES)[:-9], f"h:{len(LINES)}: the last line is cut off"),
    "unknown type": (changed(4, '"fault"', '"fualt"'), "h:5: record type 'fualt' is unknown"),
    "not an object": (changed(4, LINES[4], "[]\n"), "h:5: is not a record"),
    "wrong field": (changed(1, '"time_ns":5', '"time_ns":"x"'), "h:2: this invoke record is wrong"),
    "missing field": (changed(1, '"time_ns":5,', ""), "h:2: this invoke record is wrong"),
    "invoked twice": ("".join([*LINES[:2], *LINES[1:]]), "h:3: operation 0 is invoked twice"),
    "completed twice": ("".join([*LINES[:3], *LINES[2:]]), "h:4: operation 0 is completed twice"),
    "never invoked": (
        "".join([LINES[0], *LINES[2:]]),
        "h:2: operation 0 is completed but was never invoked",
    ),
    "not dense": (
        "".join([LINES[0], *LINES[3:]]),
        "h: operation indexes are not dense: 0 of 0..2 is missing",
    ),
    "back in time": (changed(2, '"time_ns":9', '"time_ns":4'), "h:3: operation 0 is completed"),
    "foreign upload": (changed(1, '"upload":"u"', '"upload":"v"'), "h:2: upload 'v' is not in"),
    "patch without offset": (changed(3, '"offset":0,', ""), "h:4: an append without offset"),
    "negative offset": (changed(3, '"offset":0', '"offset":-1'), "h:4: a negative offset"),
    "two finals": (
        "".join([*LINES[:-1], LINES[-2], LINES[-1]]),
        f"h:{len(LINES)}: a second final",
    ),
    "two residues": ("".join([*LINES, LINES[-1]]), "a second residue record"),
    "empty run": (changed(-2, '"length":8', '"length":0'), "runs of 'u' overlap"),
    "present without size": (
        changed(-2, '"size":8,', ""),
        "a final that is present without size",
    ),
}


@pytest.mark.parametrize(("lines", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_names_file_line_and_remedy(lines: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_history(lines.encode(), "h")

    assert said in str(caught.value)
    assert ";" in str(caught.value)  # what is wrong; what to do


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.jsonl: cannot be read"):
        read_history(tmp_path / "nothing.jsonl")


def test_unknown_fields_and_blank_lines_are_passed_over() -> None:
    more = changed(1, '"time_ns":5', '"colour":"red","time_ns":5').replace("\n", "\n\n")

    assert parse_history(more.encode()) == recorded().history()


def test_a_recorder_refuses_to_make_a_history_that_is_none() -> None:
    recorder = Recorder(HEADER)
    recorder.add(Completion(op=0, time_ns=1, outcome="ok"))

    with pytest.raises(Malformed, match="never invoked"):
        recorder.history()


# -- digest ------------------------------------------------------------------------------------


def test_equal_histories_have_equal_digests_whatever_the_order_of_keys() -> None:
    history = recorded().history()
    again = parse_history(
        text(recorded()).replace(b'{"a":"b","location":"/x"}', b'{"location":"/x","a":"b"}')
    )

    assert again == history
    assert digest(again) == digest(history)


def test_any_difference_shows_in_the_digest() -> None:
    history = recorded().history()
    later = Phase(time_ns=99, phase="heal")
    more = msgspec.structs.replace(history, events=(*history.events, later))

    assert digest(more) != digest(history)


def test_the_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(text(recorded()))
    code = (
        "import sys; from pathlib import Path; from patchstorm.history import digest, read_history;"
        "print(digest(read_history(Path(sys.argv[1]))))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1", "77")
    }

    assert seen == {digest(recorded().history())}


# -- whatever hypothesis builds ----------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def histories(draw: st.DrawFn) -> History:
    recorder = Recorder(HEADER)
    now = 0
    open_: list[int] = []
    for _ in range(draw(st.integers(0, 12))):
        now += draw(st.integers(0, 3))
        if open_ and draw(st.booleans()):
            op = open_.pop(draw(st.integers(0, len(open_) - 1)))
            recorder.complete(
                op,
                time_ns=now,
                status=draw(st.sampled_from((None, 200, 409, 500))),
                offset=draw(st.none() | st.integers(0, 8)),
                headers=draw(st.dictionaries(NAMES, NAMES, max_size=2)),
                error=draw(st.none() | st.sampled_from(NoAnswer)),
            )
        elif draw(st.booleans()):
            data = draw(
                st.dictionaries(
                    NAMES.filter(lambda name: name not in ("time_ns", "replica", "kind", "self")),
                    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | NAMES,
                    max_size=2,
                )
            )
            recorder.add(Note(time_ns=now, kind="note", data=data))
        else:
            kind = draw(st.sampled_from(("query", "status", "terminate", "create")))
            open_.append(recorder.invoke(time_ns=now, client=draw(NAMES), kind=kind, upload="u"))
    return recorder.history()


@given(histories())
@settings(max_examples=60, deadline=None)
def test_any_history_survives_the_round_trip(history: History) -> None:
    file = io.BytesIO()
    write_history(history, file)
    again = parse_history(file.getvalue())

    assert again == history
    assert digest(again) == digest(history)
