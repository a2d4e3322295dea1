"""The page of a report: what a green leaves open, causes, measures, rules and pairs."""

from __future__ import annotations

import re

from cli_fakes import finding, run_report, skipped, unknown, violated

from patchstorm.check.model import Ruled
from patchstorm.check.tried import Point
from patchstorm.history import Recorder
from patchstorm.history.events import Fault, Phase
from patchstorm.history.model import Header, History, UploadInfo
from patchstorm.report.causes import ranked
from patchstorm.report.combine import combined
from patchstorm.report.gaps import gaps
from patchstorm.report.html import page
from patchstorm.report.measures import Dot, Measured, measured
from patchstorm.report.model import Made, Pairs, Report, RunReport, report_of
from patchstorm.report.plots import DOTS_MAX, latency, thinned, throughput
from patchstorm.report.story import shrinking

NEVER = Point(name="fault-struck", reached=False, why="it never happened that a fault struck")


def paged(*runs: RunReport, **more: object) -> str:
    return page(report_of(runs, **more))  # type: ignore[arg-type]


def test_a_green_that_tried_nothing_is_told_before_the_storms() -> None:
    text = paged(run_report(points=(NEVER,)), run_report(scenario="late", scaled=("u0: smaller",)))
    assert text.index("fault-struck: it never happened") < text.index("Every storm")
    assert text.index("scaled down") < text.index("Every storm")
    assert "Nothing was left out" not in text


def test_a_green_without_gaps_says_so() -> None:
    assert gaps([run_report()]) == []
    assert "Nothing was left out" in paged(run_report())


def test_gaps_are_gathered_by_reason_and_the_worst_kind_comes_first() -> None:
    found = gaps(
        [
            run_report(scenario="a", notes=("checksum does not apply: no request carried one",)),
            skipped(scenario="b"),
            skipped(scenario="c"),
            run_report(scenario="d", points=(NEVER,)),
            unknown(scenario="e"),
        ]
    )
    assert [(gap.kind, gap.storms) for gap in found] == [
        ("never tried", ("d",)),
        ("cannot be told", ("e",)),
        ("skipped", ("b", "c")),
        ("not judged", ("a",)),
    ]


def test_causes_that_hit_most_storms_come_first_and_numbers_do_not_part_them() -> None:
    small = finding(checker="conflict", summary="only here")
    runs = [violated(scenario="a", findings=(small,))]
    runs += [
        violated(scenario=name, findings=(finding(summary=f"the file has {size} bytes"),))
        for name, size in (("b", 10), ("c", 20), ("d", 30))
    ]
    causes = ranked(runs)
    assert [(one.checker, one.storms) for one in causes] == [
        ("bytes", ("b", "c", "d")),
        ("conflict", ("a",)),
    ]
    text = paged(*runs)
    assert text.index("the file has 10 bytes") < text.index("only here")


def test_the_page_names_releases_host_seed_and_duration() -> None:
    made = Made(
        patchstorm="9.8.7", python="CPython 3", machine="Linux 6", date="2031-01-02", seconds=7.0
    )
    text = paged(run_report(seed=77), made=made)
    for said in ("9.8.7", "CPython 3", "Linux 6", "2031-01-02", "7.0 s", "<dd>77</dd>"):
        assert said in text


def timed() -> History:
    """Two appends, the second without an answer, a pause in between."""
    header = Header(
        scenario="s", seed=1, world="processes", storage="tmpfs", target="t", capabilities=(),
        reading="sequential", replicas=1, clock="monotonic",
        uploads=(UploadInfo(id="u0", size=2048, target="a"),),
    )  # fmt: skip
    recorder = Recorder(header)
    first = recorder.invoke(
        time_ns=1_000_000, client="c0", kind="append", upload="u0", offset=0, length=1024
    )
    recorder.complete(first, time_ns=3_000_000, outcome="ok", status=204)
    recorder.add(Fault(time_ns=4_000_000, replica=0, fault="pause"))
    second = recorder.invoke(
        time_ns=5_000_000, client="c0", kind="append", upload="u0", offset=1024, length=1024
    )
    recorder.add(Fault(time_ns=8_000_000, replica=0, fault="pause", ends=True))
    recorder.add(Phase(time_ns=9_000_000, phase="heal"))
    recorder.complete(second, time_ns=11_000_000, outcome="info")
    return recorder.history()


def test_a_history_is_measured_from_its_first_request() -> None:
    found = measured(timed())
    assert found is not None
    assert found.dots == (
        Dot(at_ms=0.0, took_ms=2.0, ended="done"),
        Dot(at_ms=4.0, took_ms=6.0, ended="unanswered"),
    )
    assert (found.span_ms, found.healed_ms, found.bytes_acknowledged) == (10.0, 8.0, 1024)
    assert [(one.at_ms, one.end_ms) for one in found.faults] == [(3.0, 7.0)]
    assert found.took_ms(0.99) == 2.0, "what got no answer took no time that is known"


def test_plots_hold_every_request_and_are_bounded() -> None:
    dots = tuple(
        Dot(at_ms=float(n), took_ms=1.0 + n % 7, ended="done") for n in range(9 * DOTS_MAX)
    )
    slow = Dot(at_ms=17.0, took_ms=900.0, ended="unanswered")
    assert slow in thinned((*dots, slow))
    assert len(thinned(dots)) <= 2 * DOTS_MAX
    run = Measured(span_ms=10.0, dots=dots[:5], flow=(0,) * 48, faults=(), healed_ms=None)
    assert latency(run).count("<circle") == 5
    assert "NaN" not in throughput(run) and "nan" not in latency(run)


def test_real_processes_are_plotted_and_nobody_else() -> None:
    found = measured(timed())
    assert found is not None
    run = run_report(histories=("h.jsonl",))
    text = page(Report(verdict="safe", runs=(run,)), None, {"h.jsonl": found})
    assert text.count('<svg class="plot"') == 2
    assert "<svg" not in page(Report(verdict="safe", runs=(run,)))


def rule(name: str, *, held: bool, level: str = "must") -> Ruled:
    return Ruled(
        rule=name, level=level, section="Headers", says="it is so", held=held, case="a-case",
        request="HEAD a", answer="200", complaint=None if held else "was answered 500",
    )  # fmt: skip


def test_rules_that_did_not_hold_come_first_with_their_exchange() -> None:
    rules = (
        rule("kept", held=True),
        rule("wish", held=False, level="should"),
        rule("law", held=False),
    )
    text = paged(run_report(scenario="conformance", rules=rules))
    places = [text.index(f">{name}<") for name in ("law", "wish", "kept")]
    assert places == sorted(places)
    assert "1 of 3 rules that were put held; not held: 1 must, 1 should" in text
    assert "was answered 500" in text and "→ HEAD a" in text


def test_a_rule_that_one_plan_broke_did_not_hold() -> None:
    whole = combined(
        [run_report(rules=(rule("law", held=True),)), run_report(rules=(rule("law", held=False),))]
    )
    assert [one.held for one in whole.rules] == [False]


def test_pairs_say_what_met_and_what_never_did_and_why() -> None:
    pairs = Pairs(
        dimensions=("client", "fault"),
        cells=(("client", "client", 1, 3), ("client", "fault", 0, 2)),
        never=(("client retry", "fault crash"),),
        never_all=4,
        apart={"a client cannot be both": 5},
        absent={"fault quota": "not in the world sim"},
    )
    text = paged(run_report(scenario="composed", pairs=pairs))
    assert "1 of 5 pairs that can meet have met" in text
    assert re.search(r"client retry . fault crash", text)
    assert "and 3 more" in text and "5 pairs: a client cannot be both" in text
    assert "fault quota: not in the world sim" in text


def test_shrinking_is_told_with_its_share_of_the_work() -> None:
    assert shrinking([run_report(seconds=6.0)]) is None
    assert shrinking([violated(seconds=6.0, shrinking_s=2.0)]) == "2.0 s, 25% of the work"
