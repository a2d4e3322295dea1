"""Servers by storms: what the cells say of several runs, and the command from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from cli_fakes import FAILURE, finding, run_report, skipped, unknown, violated

from patchstorm.check.model import Ruled
from patchstorm.check.registry import CHECKERS
from patchstorm.cli import main
from patchstorm.report.matrix import (
    Matrix,
    Row,
    cell,
    configurations,
    kind,
    overview,
    stories,
    word,
)
from patchstorm.report.matrix_page import matrix_page
from patchstorm.target.model import Known
from target.tiny_targets import tiny

COMMAND = "patchstorm run replaying --target mine --world processes --seed 1"
HEADERS = finding(
    checker="protocol",
    summary="HEAD (op 3) without Cache-Control",
    header="HEAD without Cache-Control",
)
BYTES = finding(checker="bytes", summary="7 bytes too long")


def known(**changes: Any) -> Known:
    given: dict[str, Any] = {
        "storms": ("*",),
        "kind": "documented-limit",
        "says": "one process only",
    }
    return Known(**(given | changes))


def matrix(*rows: Row) -> Matrix:
    return Matrix(
        verdict="violated", patchstorm="0", date="2026-01-01", machine="a machine", seed=1, repeat=2,
        confirm=2, seconds=1.0, rows=rows,
    )  # fmt: skip


def test_a_cell_says_how_often_each_checker_found_something() -> None:
    runs = [violated(findings=(HEADERS,)), violated(findings=(HEADERS, BYTES)), run_report()]
    one = cell("replaying", runs, COMMAND)
    assert (one.verdict, one.violated, one.runs) == ("violated", 2, 3)
    assert one.rates == {"bytes": 1, "protocol": 2}
    assert word(one) == "1/3 bytes"
    assert one.finding == "bytes: 7 bytes too long"
    assert "7 bytes too long" in one.story[0]


def test_a_header_hides_no_finding_of_any_other_checker() -> None:
    for name in (checker.name for checker in CHECKERS if checker.name != "protocol"):
        real = finding(checker=name, summary="something real")
        one = cell("stalling", [violated(findings=(HEADERS, real))], COMMAND)
        assert (word(one), one.finding) == (f"1/1 {name}", f"{name}: something real")


def test_a_cell_that_is_safe_or_unknown_or_skipped_says_so() -> None:
    assert word(cell("x", [run_report(), run_report()], COMMAND)) == "safe"
    assert word(cell("x", [run_report(), unknown()], COMMAND)) == "unknown 1/2"
    none = cell("x", [skipped()], COMMAND)
    assert (word(none), none.skipped) == ("-", "needs termination")


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (known(), "documented limit"),
        (known(storms=("replaying",)), "documented limit"),
        (known(storms=("parallel",)), "not read yet"),
        (known(checker="bytes", kind="defect"), "defect"),
        (known(checker="conflict"), "not read yet"),
    ],
)
def test_what_people_concluded_stands_where_it_applies(reading: Known, said: str) -> None:
    assert kind(cell("replaying", [violated(findings=(BYTES,))], COMMAND, [reading])) == said


def test_nothing_is_concluded_about_what_is_safe() -> None:
    one = cell("replaying", [run_report()], COMMAND, [known()])
    assert (one.readings, kind(one)) == ((), "")


def test_the_tables_link_to_the_story_and_the_story_ends_with_the_command() -> None:
    bad = cell("replaying", [violated(findings=(BYTES,))], COMMAND, [known()])
    mine = Row(target="mine", version="1.2", configuration="as it comes", cells=(bad,))
    good = Row(target="its", cells=(cell("replaying", [run_report()], COMMAND),))
    absent = Row(target="other", skipped="not installed here")
    whole = matrix(mine, good, absent)
    assert overview(whole)[-1] == "| `replaying` | [1/1 bytes](servers/mine.md#replaying) | safe |"
    assert any(
        "| mine | 1.2 | as it comes | 0 | 1 | 0 | 0 | 0 |" in line for line in configurations(whole)
    )
    assert any("not installed here" in line for line in configurations(whole))
    page = "\n".join(stories(mine))
    for part in ("## replaying", "1 of 1 runs: `bytes` in 1", "**Documented limit**", COMMAND):
        assert part in page


def test_a_server_that_is_simulated_as_well_has_a_column_and_a_page_of_its_own() -> None:
    steps = ("step 1  c0 PATCH", "step 2  c1 PATCH", "", "and a line after a gap")
    bad = cell("replaying", [violated(findings=(BYTES,), story=steps), run_report()], COMMAND)
    real, simulated = Row(target="mine"), Row(target="mine", world="sim", cells=(bad,))
    head, _, line = overview(matrix(real, simulated))
    assert head == "| storm | mine | mine in sim |"
    assert line == "| `replaying` | - | [1/2 bytes](servers/mine-in-sim.md#replaying) |"
    page = "\n".join(stories(simulated))
    assert all(step in page for step in steps), "the whole story"


@pytest.mark.parametrize("schedules", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_a_server_that_can_be_simulated_is(
    schedules: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    target = Path(__file__).parents[1] / "sim/hosted/servers/race_aiohttp.toml"
    arguments = ["matrix", "--targets", str(target), "--storms", "replaying,sequential"]
    main(
        [*arguments, "--schedules", str(schedules), "--out", "out", "--junit", "all.xml", "--json"]
    )
    suites = Xml.parse("all.xml").getroot().findall("testsuite")
    found = {suite.attrib["name"].split(".")[1]: suite.attrib["failures"] for suite in suites}
    assert found["processes"] in "01", "a race that may be met or not"
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["world"] for row in rows] == ["processes", "sim"][: 2 if schedules else 1]
    if schedules:
        replaying, sequential = rows[1]["cells"]
        assert (replaying["verdict"], replaying["runs"]) == ("violated", schedules)
        assert any("race_aiohttp.py:" in line for line in replaying["story"])
        assert (sequential["verdict"], sequential["runs"]) == ("safe", schedules)
        assert main(["replay", replaying["failure"]]) == 1
        assert found["sim"] == "1"


def test_the_row_of_a_server_that_nobody_can_start_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    servers = Path(__file__).parents[1] / "sim/hosted/servers"
    text = (servers / "race_aiohttp.toml").read_text().replace("[start]", "[unused]")
    kept = text[: text.index("[unused]")] + text[text.index("[simulate]") :]
    (tmp_path / "mine.toml").write_text(kept)
    for name in ("race_aiohttp.py", "store.py"):
        (tmp_path / name).write_text((servers / name).read_text())
    asked = ["--targets", "mine.toml", "--storms", "sequential", "--schedules", "2", "--json"]
    assert main(["matrix", *asked]) == 0
    real, simulated = json.loads(capsys.readouterr().out)["rows"]
    assert "no [start]" in real["skipped"] and not real["cells"]
    assert [one["verdict"] for one in simulated["cells"]] == ["safe"]


def test_storms_in_which_only_headers_went_wrong_share_a_section() -> None:
    names = ("parallel", "replaying")
    cells = tuple(cell(name, [violated(findings=(HEADERS,))], COMMAND) for name in names)
    mine = Row(target="mine", cells=cells)
    page = "\n".join(stories(mine))
    assert page.count("## ") == 1 and "in `parallel`, `replaying`" in page
    assert all("servers/mine.md#headers" in line for line in overview(matrix(mine))[2:])


def test_every_rule_of_the_protocol_that_was_broken_is_on_the_page() -> None:
    rules = tuple(finding(checker="conformance", summary=f"rule {number}") for number in range(9))
    one = cell("conformance", [violated(findings=rules)], COMMAND)
    page = "\n".join(stories(Row(target="mine", cells=(one,))))
    assert all(f"conformance: rule {number}\n" in page for number in range(9))


def test_a_long_story_is_cut_on_its_page() -> None:
    long = finding(story=tuple(f"op {number}" for number in range(40)))
    one = cell("replaying", [violated(findings=(long,))], COMMAND)
    page = "\n".join(stories(Row(target="mine", cells=(one,))))
    assert "op 39" not in page and "more lines" in page and COMMAND in page


def test_storms_that_no_server_can_be_put_to_are_left_out_of_the_table() -> None:
    row = Row(target="mine", cells=(cell("power-loss", [skipped()], COMMAND),))
    assert all("power-loss" not in line for line in overview(matrix(row)))


@pytest.mark.slow
def test_a_careless_server_and_an_honest_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for mood in ("honest", "careless"):
        (tmp_path / mood).mkdir()
        tiny(tmp_path / mood, mood)
    targets = "honest/tiny.toml,careless/tiny.toml"
    arguments = [
        "matrix",
        "--targets",
        targets,
        "--storms",
        "sequential,expiring",
        "--confirm",
        "3",
    ]
    assert main([*arguments, "--out", "out", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    honest, careless = ({one["storm"]: one for one in row["cells"]} for row in said["rows"])
    assert (honest["sequential"]["verdict"], honest["sequential"]["runs"]) == ("safe", 1)
    assert honest["expiring"]["verdict"] is None
    bad = careless["sequential"]
    assert (bad["violated"], bad["runs"], bad["rates"]["bytes"]) == (3, 3, 3)
    assert Path(bad["failure"]).exists()
    assert main(bad["command"].split()[1:]) == 1, "the command meets it again"
    assert "## sequential" in (tmp_path / "out/servers/careless_tiny.toml.md").read_text()
    assert "1/" not in (tmp_path / "out/servers.md").read_text().partition("honest")[0]
    stored = json.loads((tmp_path / "out/matrix.json").read_text())
    assert stored["rows"] == said["rows"]


def test_bytes_that_are_had_with_get_are_judged_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for mood, verdict in (("honest", "safe"), ("careless", "violated")):
        path = tiny(tmp_path, mood, published="nowhere", files='read = "get"')
        main(["matrix", "--targets", str(path), "--storms", "sequential", "--json"])
        (row,) = json.loads(capsys.readouterr().out)["rows"]
        assert row["cells"][0]["verdict"] == verdict


def test_a_server_that_is_not_installed_has_no_row_but_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATCHSTORM_SERVERS", str(tmp_path))
    assert main(["matrix", "--targets", "tusd", "--storms", "sequential"]) == 2
    assert "patchstorm target install tusd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--targets", "tussd"], "tusd"),
        (["--storms", "replayed"], "replaying"),
        (["--repeat", "0"], "--repeat 0"),
        (["--confirm", "-1"], "--confirm"),
        (["--schedules", "-1"], "--schedules"),
        (["--replicas", "0"], "--replicas 0"),
        (["--out", "/proc/nowhere"], "--out"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_starts(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(re.escape(says), said.err)


def test_a_cell_is_safe_but_for_headers_or_it_is_not() -> None:
    plain = cell("parallel", [violated(findings=(HEADERS,)), run_report()], COMMAND)
    assert (plain.verdict, word(plain)) == ("violated", "safe but for headers")
    worse = cell("parallel", [violated(findings=(HEADERS,)), violated(findings=(BYTES,))], COMMAND)
    assert word(worse) == "1/2 bytes"
    status = finding(checker="protocol", summary="PATCH (op 3) was answered 200, expected 204")
    assert word(cell("parallel", [violated(findings=(status,))], COMMAND)) == "1/1 protocol"
    assert word(cell("parallel", [run_report()], COMMAND)) == "safe"


def test_the_page_tells_what_is_open_causes_and_cells_and_escapes_what_servers_said() -> None:
    wild = "<script>alert(1)</script>"
    rule = Ruled(
        rule="law", level="must", section="Headers", says="it is so", held=False, case="a-case",
        request="HEAD a", answer="500", complaint="was answered 500",
    )  # fmt: skip
    broken = finding(checker="bytes", summary=wild)
    rows = (
        Row(
            target="mine",
            version=wild,
            cells=(
                cell("replaying", [violated(findings=(broken,), rules=(rule,))], COMMAND),
                cell("late", [unknown(scenario="late")], COMMAND),
                cell("rivals", [skipped(scenario="rivals")], COMMAND),
            ),
        ),
        Row(target="theirs", skipped="not installed"),
    )
    text = matrix_page(matrix(*rows), {FAILURE: "failure.html"})
    places = [
        text.index(said)
        for said in (
            "What this result leaves open",
            "What was violated",
            "The servers",
            "Every storm",
        )
    ]
    assert places == sorted(places)
    for said in ("not installed", "replica 1 did not start", "was answered 500", COMMAND):
        assert said in text
    assert 'href="failure.html"' in text
    assert "<script" not in text and "http://" not in text and "https://" not in text
