"""The storms in both worlds: the reference passes all it announces, and a wrong answer is told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from chunkstore.protocol import Exchange
from chunkstore.responses import Response
from chunkstore.store import Store
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.single import run_storm
from patchstorm.check.model import Finding
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario, always
from patchstorm.worlds.sim.app import ChunkstoreApp
from sampled import one_in

STORMS = ("conformance", "conformance-across", "conformance-expiring")


def asked(name: str, **options: bool | str) -> Scenario:
    """A bundled storm with some of its client's options changed."""
    storm = load(name)
    changed = {key: always(value) for key, value in options.items()}
    client = msgspec.structs.replace(
        storm.clients[0], options={**storm.clients[0].options, **changed}
    )
    return msgspec.structs.replace(storm, clients=(client,))


def simulated(storm: Scenario, exchange: type[Exchange] = Exchange) -> tuple[Finding, ...]:
    """What one schedule finds; it has to end with a verdict."""
    session = Session.of(Search(scenario=storm, target="reference", seed=1))
    build = partial(ChunkstoreApp, Store, exchange)
    session.subject = replace(session.subject, build=build)
    told = session.tell(0)
    assert told.unknown is None
    return told.findings


@pytest.mark.parametrize("name", STORMS)
def test_the_reference_passes_in_the_simulator_shoulds_included(name: str) -> None:
    assert simulated(asked(name, strict=True)) == ()


@pytest.mark.parametrize("name", one_in(4, STORMS))
def test_the_reference_passes_as_processes(name: str, tmp_path: Path) -> None:
    result = run_storm(asked(name, strict=True), "reference", seed=1, out_dir=tmp_path)

    assert result.report.findings == ()
    assert result.report.verdict == "safe", result.report.unknown
    assert not any(note.startswith(("should", "open")) for note in result.report.notes)
    assert any("cases asked" in note for note in result.report.notes)


class Forgetful(Exchange):
    """One answer changed: HEAD may be cached."""

    def begin(self) -> Response | None:
        response = super().begin()
        if response is None or self._method != "HEAD":
            return response
        headers = tuple(one for one in response.headers if one[0] != "Cache-Control")
        return Response(response.status, headers, response.body)


def test_a_wrong_answer_of_the_reference_is_told_with_its_section() -> None:
    findings = simulated(asked("conformance", chapter="core"), Forgetful)
    found = next(one for one in findings if one.checker == "conformance")

    assert found.summary.startswith("head.no-store: ")
    story = "\n".join(found.story)
    assert "request: HEAD a; Tus-Resumable: 1.0.0" in story
    assert "answer: 200; tus-resumable: 1.0.0; " in story
    assert "tus 1.0.0, Requests, HEAD (must): a HEAD that finds its upload" in story


class Generous(Exchange):
    """One answer changed: a body whose checksum is wrong is committed."""

    def _check_digest(self, body: object) -> None:
        return None


def test_a_protocol_mistake_of_the_reference_is_found_in_the_simulator() -> None:
    findings = simulated(asked("conformance", chapter="checksum"), Generous)

    assert any(one.summary.startswith("checksum.verified: ") for one in findings)


def test_what_needs_a_connection_is_skipped_in_the_simulator_and_said() -> None:
    session = Session.of(Search(scenario=asked("conformance", chapter="http"), target="reference"))
    notes = session.tell(0).notes

    assert any(
        "http-both-framings was not asked: it needs a real connection" in one for one in notes
    )
