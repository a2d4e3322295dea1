"""The page of a failure: what belongs together, who wrote what, and nothing that a server said as markup."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from patchstorm.campaign.failure import read_failure
from patchstorm.commands.show import write_page
from patchstorm.history.events import Fault, Phase, ProgramEnd
from patchstorm.report.show.bytemap import Pieces, painted, strips
from patchstorm.report.show.marks import Mark, marks
from patchstorm.report.show.page import page
from patchstorm.report.show.sheets import ROWS_MAX, sheets
from patchstorm.report.show.timeline import laid_out

from .histories import WILD, by_hand, operation, step, wild


class Elements(HTMLParser):
    """How many elements of each name, and which attributes that run code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.running: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.running += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "patchstorm", "show", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_story_of_calls_alone_leaves_the_requests_of_a_finding_marked(
    failure: Path, tmp_path: Path
) -> None:
    (found, *more) = read_failure(failure / "failure.json").findings
    said = msgspec.structs.replace(found, story=("-> 0.1 ms replica 0 op 2 c0.0 PATCH <- sent it",))
    calls = ("->   0.021 ms  replica 2  lookup .upload/x = ENOENT",)  # as of the world `fuse`
    told = msgspec.structs.replace(
        read_failure(failure / "failure.json"), findings=(said, *more), story=calls
    )
    (tmp_path / "failure.json").write_bytes(msgspec.json.encode(told))
    (tmp_path / "history.jsonl").write_bytes((failure / "history.jsonl").read_bytes())
    text = write_page(tmp_path / "failure.json", tmp_path / "p.html").read_text()
    timeline = msgspec.json.decode(re.findall(r'id="data"[^>]*>(.*?)</script>', text)[0])[
        "timeline"
    ]
    marked = [row for row in timeline["rows"] if row.get("matters")]
    assert [(row["op"], row["why"]) for row in marked] == [(2, "sent it")]


def test_the_page_lies_beside_the_failure_and_tells_the_whole_story(failure: Path) -> None:
    done = shown(str(failure))
    assert (done.returncode, done.stdout) == (0, f"wrote {failure}/failure.html\n")
    page = (failure / "failure.html").read_text(encoding="utf-8")
    told = Elements(page)
    for says in (
        "what it then relied on",
        "changed meanwhile",
        "done on what had changed",
        "patchstorm replay",
    ):
        assert says in told.text
    assert told.names["svg"] > 4 and told.names["script"] == 2 and not told.running
    for loads in ("http://", "https://", "src=", "<link", "@import", "url("):
        assert loads not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_failure_without_its_history_is_an_error_where_nothing_is_run(
    failure: Path, tmp_path: Path
) -> None:
    (tmp_path / "failure.json").write_bytes((failure / "failure.json").read_bytes())
    done = shown(str(tmp_path), "--as-recorded")
    assert done.returncode == 2 and "no history lies beside it" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_servers_say_is_never_markup() -> None:
    told = Elements(page(wild()))
    assert told.names["script"] == 2 and told.names["img"] == 0 and not told.running
    assert "document.title='owned'" in told.text  # it is told, as text


def test_a_storys_lines_are_read_back() -> None:
    story = [
        "   step    49  replica 0  op 2 c0.0 PATCH [0, 32)",
        "-> step    60  replica 0  c0.0#0 lstat a -> ENOENT   <- what it then relied on",
        "  ->    410.937 ms  replica 1  op 51 c0.1 PATCH: 204 after 4 ms  <- sent the bytes",
        "          434.889 ms             phase heal",
        "bytes: the published file is 1 byte long",
    ]
    story.append("-> step   327  replica 0  fault crash: its process is killed, as u0.bin showed")
    assert list(marks(story)) == [
        Mark(49, 2, False, ""),
        Mark(60, None, True, "what it then relied on"),
        Mark(None, 51, True, "sent the bytes"),
        Mark(327, None, True, "", fault=True),
    ]


def test_requests_faults_and_causes_are_where_they_were() -> None:
    events = (
        Phase(time_ns=1, phase="storm"),
        step(2, "open", "part", result="3"),
        Fault(time_ns=30, replica=1, fault="pause", id="p"),
        step(4, "write", "part", length=16, size=0, result="16"),
        Fault(time_ns=60, replica=1, fault="pause", id="p", ends=True),
        Fault(time_ns=70, fault="partition"),
    )
    told = [Mark(2, None, True, "relied on"), Mark(4, None, True, "done"), Mark(None, 0, False, "")]
    timeline = laid_out(by_hand(*events), told, step_ns=10)
    text = [row.text for row in timeline.rows]
    assert [one.name for one in timeline.lanes] == ["c0", "c1", "replica 0", "replica 1", "storage"]
    assert text[:3] == ["phase storm", "op 0 PATCH [0, 16)", "op 1 PATCH [0, 16), op 0 again"]
    whole, open_ended = timeline.requests
    assert text[whole.end] == "op 0: 204, offset 16" and open_ended.end == -1
    assert [text[row] for row in timeline.chain] == [
        "open part -> 3",
        "write part 16 bytes at 0 -> 16",
    ]
    assert [timeline.rows[row].op for row in timeline.chain] == [0, 0]  # the task is c0's
    assert [timeline.lanes[timeline.rows[row].to].name for row in timeline.chain][-1] == "storage"
    bars = {bar.name: (bar.lane, text[bar.begin], bar.end) for bar in timeline.bars}
    assert bars == {
        "pause": (3, "fault pause", text.index("fault pause ends")),
        "partition": (-1, "fault partition", -1),
    }


def test_stories_count_steps_by_the_clock_and_not_one_by_one() -> None:
    """While all sleep the clock goes on: the 9th step may be number 90. Faults have such numbers, too."""
    late = step(90, "link", "copy", to="whole")
    events = (
        step(9, "listdir", "."),
        msgspec.structs.replace(late, step=9),
        Fault(time_ns=905, fault="crash"),
    )
    told = [Mark(90, None, True, "its last step"), Mark(90, None, True, "", fault=True)]
    timeline = laid_out(by_hand(*events), told, step_ns=10)
    assert [timeline.rows[row].text for row in timeline.chain] == [
        "link copy to whole",
        "fault crash",
    ]


def test_how_a_program_ended_is_told_with_its_last_words() -> None:
    ends = (
        ProgramEnd(time_ns=900, client="c0", program="tuspy", code=1, said="one\ntwo: 409"),
        ProgramEnd(time_ns=901, client="c1", program="mine", why="it was stopped"),
    )
    told = [row.text for row in laid_out(by_hand(*ends)).rows]
    assert "client c0, tuspy: ended with code 1: two: 409" in told
    assert "client c1, mine: it was stopped: " in told


def test_times_begin_at_nothing() -> None:
    """A live world's clock shows the machine's uptime."""
    late = by_hand(operations=(operation(0, 10**15, 10**15 + 7),))
    assert [row.at for row in laid_out(late).rows] == [0, 7]


def test_the_published_bytes_name_those_who_may_have_sent_them() -> None:
    history = by_hand(
        operations=(operation(0, 1, 2), operation(1, 3, 4), operation(2, 5, 6, content=1))
    )
    (published,) = strips(history, laid_out(history), ())
    assert [(one.offset, one.length, one.writers, one.says) for one in published.extents] == [
        (0, 16, (0, 1), "content 0"),
        (16, 16, (0, 1), "content 0 from 0"),
        (32, 16, (), "zero bytes"),
    ]
    assert (published.size, published.wanted) == (48, 32)


def test_a_file_that_is_open_keeps_its_bytes_under_its_new_name() -> None:
    """Two tasks have ``part`` open; one renames it; the other writes on, by the name that it knows."""
    events = (
        step(1, "open", "part", result="3"),
        step(2, "open", "part", task="c1#0", result="4"),
        step(3, "write", "part", length=16, size=0, result="16"),
        step(4, "replace", "part", to="whole"),
        step(5, "write", "part", task="c1#0", length=16, size=16, result="16"),
        step(6, "open", "part", result="3"),
        step(7, "write", "part", length=4, size=0, result="4"),
        step(8, "write", "part", length=4, size=4, result="ENOSPC"),
    )
    history = by_hand(*events, operations=(operation(0, 0, 900), operation(1, 0, 900, client="c1")))
    _, whole, part = strips(history, laid_out(history), ())
    assert whole.name == "part, then whole"
    assert [(one.offset, one.length, one.writers) for one in whole.extents] == [
        (0, 16, (0,)),
        (16, 16, (1,)),
    ]
    assert (part.name, part.size) == ("part", 4)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(0, 3)), max_size=12))
def test_painting_is_what_bytes_do(writes: list[tuple[int, int, int]]) -> None:
    pieces: Pieces = []
    held: dict[int, int] = {}
    for begin, length, op in writes:
        pieces = painted(pieces, begin, begin + length, op)
        held.update(dict.fromkeys(range(begin, begin + length), op))
    assert {at: op for begin, end, op in pieces for at in range(begin, end)} == held
    assert all(one[1] <= other[0] for one, other in pairwise(pieces))
    assert all(begin < end for begin, end, _ in pieces)


def test_a_long_history_is_drawn_around_its_cause() -> None:
    many = tuple(operation(op, op * 10, op * 10 + 5) for op in range(1_000))
    timeline = laid_out(by_hand(operations=many), [Mark(None, 700, True, "this one")])
    drawn = "".join(sheet.svg for sheet in sheets(timeline))
    assert "op 700 PATCH" in drawn and "this one" in drawn
    assert drawn.count("<circle") <= ROWS_MAX + 2 and "op 0 PATCH" not in drawn
    assert WILD not in drawn


def test_ids_that_end_alike_are_told_apart() -> None:
    """Two uploads whose minted names differ only before their last four digits."""
    one, other = f"{'0' * 23}1{'0' * 8}", f"{'0' * 23}2{'0' * 8}"
    events = tuple(
        step(at, "write", f".upload/{name}/part", length=1, size=0, result="1")
        for at, name in ((2, one), (3, other))
    )
    history = by_hand(*events)
    timeline = laid_out(history)
    texts = [row.text for row in timeline.rows if row.kind == "step"]
    assert len(set(texts)) == 2 and all("~" in text for text in texts)
    names = [strip.name for strip in strips(history, timeline, ())[1:]]
    assert len(set(names)) == 2
