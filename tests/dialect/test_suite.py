"""A dialect brings its conformance suite: it is asked and judged as tus's is; one without is left alone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from patchstorm import api
from patchstorm.campaign.failure import Failure
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.single import run_plan
from patchstorm.cli import main
from patchstorm.commands.rules import tables
from patchstorm.commands.tables import rewritten
from patchstorm.dialect.registry import forget, register
from patchstorm.errors import UsageError
from patchstorm.scenario.library import load
from patchstorm.scenario.model import always
from patchstorm.scenario.schema import parse
from patchstorm.worlds.registry import names

from .shelf_cases import SUITE, WITH_CASES
from .test_toy import HERE, TARGET, subject, target
from .toy import SHELF

pytest_plugins = "pytester"

REASON = "the target speaks shelf, which brings no conformance cases"
STORMS = ("conformance", "conformance-across")
BROKEN = "shelf.gapless: bytes beyond the end of a box: POST was answered 200, expected 409"


@pytest.fixture
def suite() -> Iterator[None]:
    register(WITH_CASES)
    yield
    forget(SHELF.name)


@pytest.fixture
def bare() -> Iterator[None]:
    """The same protocol without a suite."""
    register(SHELF)
    yield
    forget(SHELF.name)


def of_chapter(chapter: str) -> api.Scenario:
    storm = load("conformance")
    options = {**storm.clients[0].options, "chapter": always(chapter)}
    client = msgspec.structs.replace(storm.clients[0], options=options)
    return msgspec.structs.replace(storm, clients=(client,))


def file_of(tmp_path: Path, mood: str = "plain") -> str:
    path = tmp_path / "shelf.toml"
    path.write_text(TARGET.format(mood=mood).replace("{here}", str(HERE)))
    return str(path)


# ---- a dialect with a suite


@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize("storm", STORMS)
def test_a_right_server_keeps_the_rules_in_the_simulator(storm: str) -> None:
    found = api.explore(storm, subject(locked=True), schedules=5, storage="tmpfs")

    assert found.report.verdict == "safe", api.explain(found.report)
    assert any("2 cases asked, 3 rules held, 0 not" in one for one in found.report.notes)


@pytest.mark.usefixtures("suite")
@pytest.mark.parametrize("storm", STORMS)
def test_a_right_server_keeps_the_rules_with_real_processes(storm: str, tmp_path: Path) -> None:
    result = api.run(storm, target("plain"), seed=1, out_dir=tmp_path)

    assert result.report.verdict == "safe", api.explain(result.report)
    assert any("2 cases asked, 3 rules held, 0 not" in one for one in result.report.notes)


@pytest.mark.usefixtures("suite")
def test_a_broken_rule_is_found_in_the_simulator_and_told_by_the_suite() -> None:
    greedy = subject(locked=True, greedy=True)
    found = api.explore("conformance", greedy, schedules=5, storage="tmpfs")

    (finding,) = (one for one in found.report.findings if one.checker == "conformance")
    assert finding.summary == f"{BROKEN} (the shelf's rules, 3)"
    story = "\n".join(finding.story)
    assert "request: POST a; X-At: 4; body 'late'" in story
    assert "answer: 200; x-at: 4" in story and "content-length" not in story


@pytest.mark.usefixtures("suite")
def test_a_broken_rule_is_found_with_real_processes(tmp_path: Path) -> None:
    result = api.run("conformance", target("greedy"), seed=1, out_dir=tmp_path)

    assert result.report.verdict == "violated"
    assert any(one.summary.startswith(BROKEN) for one in result.report.findings)


@pytest.mark.usefixtures("suite")
def test_a_chapter_of_one_s_own_can_be_asked_for(tmp_path: Path) -> None:
    text = (
        'title = "boxes"\nwhy = "to try"\n[[upload]]\nid = "u"\nsize = "64KiB"\nchunk = "16KiB"\n'
        '[[client]]\nname = "c"\nkind = "conformance"\nchapter = "{}"\n'
    )
    parse(text.format("gaps"), name="x", file="x.toml")
    with pytest.raises(UsageError, match=r"chapter.*gasp.*gaps"):
        parse(text.format("gasp"), name="x", file="x.toml")
    result = api.run(of_chapter("gaps"), target("plain"), seed=1, out_dir=tmp_path)

    assert any("1 cases asked, 2 rules held" in one for one in result.report.notes)


@pytest.mark.usefixtures("suite")
def test_another_dialect_s_chapter_is_a_reason_to_skip() -> None:
    skipped = api.run(of_chapter("minted"), target("plain"), seed=1).report.skipped

    assert skipped is not None and "have no chapter `minted`; there are all, boxes, gaps" in skipped


@pytest.mark.usefixtures("suite")
def test_the_tables_are_those_of_the_dialect_named() -> None:
    shown = rewritten("<!-- table: rules -->\n<!-- end -->", tables("shelf"))

    assert re.findall(r"^\| `([a-z.]+)`", shown, re.MULTILINE) == list(SUITE.rules)


# ---- a dialect without


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("storm", STORMS)
def test_without_a_suite_the_storm_is_skipped_in_the_simulator(storm: str) -> None:
    assert api.explore(storm, subject(locked=True), schedules=5).report.skipped == REASON


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("world", names())
def test_without_a_suite_no_world_runs_the_storm(world: str) -> None:
    aim = target("plain")
    plan = api.draw_plan(load("conformance"), aim)
    result = asyncio.run(run_plan(plan, aim, world=world))

    assert result.report.skipped == REASON and result.report.verdict is None


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("storm", STORMS)
def test_without_a_suite_run_skips_the_storm_and_goes_on(
    storm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aim, out = file_of(tmp_path), str(tmp_path / "out")
    code = main(["run", storm, "sequential", "--target", aim, "--world", "processes", "--out", out])

    assert code == 0
    assert REASON in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("bare")
def test_without_a_suite_matrix_leaves_the_cell_and_fills_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aim, out = file_of(tmp_path), str(tmp_path / "out")
    code = main(
        ["matrix", "--storms", "conformance,sequential", "--targets", aim, "--out", out, "--json"]
    )
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    found = {one["storm"]: (one.get("verdict"), one.get("skipped")) for one in row["cells"]}

    assert code == 0
    assert found == {"conformance": (None, REASON), "sequential": ("safe", None)}


CONFTEST = """
import sys

sys.path.insert(0, {tests!r})
from dialect.toy import SHELF
from patchstorm.dialect.registry import register

register(SHELF)
"""


def test_without_a_suite_the_plugin_skips_the_storm(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST.format(tests=str(HERE.parent)))
    result = pytester.runpytest_subprocess(
        "-p", "patchstorm.pytest_plugin", "-p", "no:cacheprovider", "-rs",
        "--patchstorm-target", file_of(pytester.path), "--patchstorm-scenarios", "conformance",
    )  # fmt: skip
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*{REASON}"])


@pytest.mark.usefixtures("bare")
def test_a_failure_of_another_dialect_s_cases_is_not_replayed(tmp_path: Path) -> None:
    aim = target("plain")
    failure = Failure(
        world="processes", scenario="conformance", target="reference", seed=1, index=0,
        replicas=3, findings=(), plan=api.draw_plan(load("conformance"), aim),
    )  # fmt: skip
    with pytest.raises(UsageError, match=f"cannot be replayed against shelf: {REASON}"):
        plan_for(failure, aim)


@pytest.mark.usefixtures("bare")
def test_without_a_suite_there_are_no_tables() -> None:
    with pytest.raises(UsageError, match="dialect shelf: it brings no conformance cases"):
        tables("shelf")


def test_a_case_of_a_chapter_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ValueError, match="case box-with-a-gap: there is no chapter `gaps`"):
        replace(SUITE, chapters=("boxes",))


def test_a_suite_that_nobody_can_ask_is_not_registered() -> None:
    with pytest.raises(ValueError, match="a suite needs a prober"):
        register(replace(WITH_CASES, prober=None))
