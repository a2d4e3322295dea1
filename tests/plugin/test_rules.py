"""Each rule of the protocol that a storm put is a case of pytest's own JUnit report, and no test."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

pytest_plugins = "pytester"

QUIET = ("-p", "no:cacheprovider", "--patchstorm-no-corpus")
CORE = """
title = "a chapter of tus, asked"
why   = "a test"
[[upload]]
size = "1KiB"
[[client]]
kind    = "conformance"
chapter = "core"
strict  = {strict}
"""
OWN = """
import pytest

@pytest.mark.storm("core.toml", target="bug:head-cacheable", world="sim", schedules=1{more})
def test_mine(storm):
    pass
"""

WISH = """
from dataclasses import replace
from functools import partial

import patchstorm
from chunkstore.protocol import Exchange
from chunkstore.responses import Response
from chunkstore.store import Store
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import ChunkstoreApp, subject_of

class AnyRefusal(Exchange):  # another content type is refused, as it must be, and not with 415
    def _refuse(self, refusal):
        response = super()._refuse(refusal)
        if response.status != 415:
            return response
        return Response(400, response.headers, response.body)

mine = replace(subject_of(resolve("reference")), build=partial(ChunkstoreApp, Store, AnyRefusal))

@patchstorm.storm("core.toml", target=mine, world="sim", schedules=1)
def test_mine(storm):
    pass
"""


def asked(pytester: pytest.Pytester, target: str, *, strict: bool = False) -> tuple[str, ...]:
    text = CORE.format(strict=str(strict).lower())
    pytester.makefile(".toml", core=text)
    return (
        *QUIET, "--junitxml=junit.xml", "--patchstorm-worlds=sim", "--patchstorm-schedules=1",
        "--patchstorm-scenarios=core.toml", "--patchstorm-target", target,
    )  # fmt: skip


def cases(pytester: pytest.Pytester) -> dict[str, Xml.Element]:
    """By their names; each name once."""
    found = list(Xml.parse(Path(pytester.path, "junit.xml")).getroot().iter("testcase"))
    named = {case.attrib["name"]: case for case in found}
    assert len(named) == len(found)
    return named


def properties(case: Xml.Element) -> dict[str, str]:
    return {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}


@pytest.mark.parametrize("more", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_a_rule_that_was_broken_fails_with_the_exchange_and_the_others_pass(
    pytester: pytest.Pytester, more: tuple[str, ...]
) -> None:
    result = pytester.runpytest_subprocess(*asked(pytester, "bug:head-cacheable"), *more)
    result.assert_outcomes(failed=1)  # the storm is one test, whatever it asks

    found = cases(pytester)
    broken = {name for name, case in found.items() if case.find("failure") is not None}
    of = "[bug:head-cacheable-sim-1]"
    assert broken == {f"core{of}", f"head.no-store{of}"}
    rule = found[f"head.no-store{of}"]
    assert rule.attrib["classname"] == "patchstorm.core"
    failure = rule.find("failure")
    assert failure is not None and failure.text is not None
    assert "request: HEAD " in failure.text and "\nanswer: 200;" in failure.text
    assert properties(rule) == {
        "level": "must", "section": "tus 1.0.0, Requests, HEAD", "case": properties(rule)["case"],
        "held": "no",
    }  # fmt: skip
    assert properties(found[f"head.offset{of}"])["held"] == "yes"


def test_of_a_correct_server_every_rule_passes(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*asked(pytester, "reference"))
    result.assert_outcomes(passed=1)
    found = cases(pytester)
    assert len(found) > 10
    assert all(case.find("failure") is None for case in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
def test_a_wish_that_did_not_hold_is_told_and_fails_only_where_the_storm_is_strict(
    pytester: pytest.Pytester, strict: bool
) -> None:
    pytester.makepyfile(WISH)
    arguments = asked(pytester, "reference", strict=strict)[:-2]
    pytester.runpytest_subprocess(*arguments).assert_outcomes(
        **{"failed" if strict else "passed": 1}
    )
    rule = cases(pytester)["patch.content-type"]
    assert (rule.find("failure") is not None) is strict
    told = "".join(rule.itertext()) if strict else properties(rule)["remark"]
    assert "patch.content-type (should)" in told and "request: PATCH " in told
    assert properties(rule)["held"] == "no"


@pytest.mark.slow
def test_a_storm_that_puts_no_rules_and_a_run_without_a_report_are_as_ever(
    pytester: pytest.Pytester,
) -> None:
    others = ("--patchstorm-scenarios=sequential", "--patchstorm-target", "reference")
    result = pytester.runpytest_subprocess(*asked(pytester, "reference"), *others)
    result.assert_outcomes(passed=1)
    assert len(cases(pytester)) == 1
    bare = [one for one in asked(pytester, "bug:head-cacheable") if "junit" not in one]
    pytester.runpytest_subprocess(*bare).assert_outcomes(failed=1)


@pytest.mark.slow
def test_a_test_of_ones_own_has_its_rules_too_unless_it_expects_them_broken(
    pytester: pytest.Pytester,
) -> None:
    arguments = asked(pytester, "reference")[:-2]
    pytester.makepyfile(OWN.format(more=""))
    pytester.runpytest_subprocess(*arguments).assert_outcomes(failed=1)
    assert cases(pytester)["head.no-store"].find("failure") is not None
    pytester.makepyfile(OWN.format(more=', verdict="violated"'))
    pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=1)
    assert list(cases(pytester)) == ["test_mine"]
