"""Stores that answer oddly: what is legal is not accused, and what fails is told as the server's failure."""

from __future__ import annotations

from typing import Any

import pytest

from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.suspects import unclaimed_because
from patchstorm.errors import PatchstormError
from patchstorm.scenario import library, payload
from patchstorm.storage.rope import TooMuchAtOnceError
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.serving import reply_of
from patchstorm.worlds.sim.whole import Request, Response, WholeRequests

TUS = (("Tus-Resumable", "1.0.0"),)
TARGET = resolve("innocent:sequential")
STORMS = [one for one in library.load_all() if unclaimed_because(one, TARGET, None) is None]


def no_uploads(port: SimPort, root: str) -> WholeRequests:
    """Answers every POST with 500, and knows no upload."""

    def handle(request: Request) -> Response:
        return Response(status=500 if request.method == "POST" else 404, headers=TUS)

    return WholeRequests(handle)


@pytest.mark.parametrize("storm", STORMS, ids=lambda storm: storm.name)
def test_a_server_that_fails_every_post_is_told_as_failing(storm) -> None:  # type: ignore[no-untyped-def]
    subject = Subject(target=TARGET, build=no_uploads, sweep_ms=0)
    session = Session(Search(scenario=storm, target=TARGET.name), subject)
    if session.skip_reason() is not None:
        pytest.skip("it wants real bytes, and these do not fit into memory")

    told = session.tell(0)

    if not storm.faults and not storm.name.startswith("conformance"):
        assert "availability" in {finding.checker for finding in told.findings}


def test_blanks_round_a_header_are_no_part_of_it() -> None:
    answer = Response(status=204, headers=(("Upload-Offset", " 12\t"), ("Via", "a"), ("via", " b")))
    assert reply_of(answer).headers == {"upload-offset": "12", "via": "a, b"}


def test_a_failure_of_ours_is_no_answer_of_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told as the store's 500, "its code raised ImportError", and the store was convicted."""

    def lacking(*_: object) -> bytes:
        raise ImportError("no numpy here")

    monkeypatch.setattr(payload, "body", lacking)
    with pytest.raises(PatchstormError, match="could not be made: no numpy here"):
        Session.of(Search(scenario=library.load("sequential"), target="reference")).tell(0)


def out_of_memory(error: type[MemoryError]) -> Session:
    """A session with a store that meets ``error`` at each request."""

    def build(port: SimPort, root: str) -> WholeRequests:
        def handle(request: Request) -> Response:
            raise error("4,294,967,296 bytes of a large upload at once")

        return WholeRequests(handle)

    search = Search(scenario=library.load("sequential"), target=TARGET.name)
    return Session(search, Subject(target=TARGET, build=build, sweep_ms=0))


def test_a_store_that_wants_gigabytes_as_bytes_is_not_accused() -> None:
    """Content that stands for them was asked for whole: two correct stores were convicted of their 500."""
    told = out_of_memory(TooMuchAtOnceError).tell(0)
    assert (told.verdict, told.findings) == ("unknown", ())
    assert told.unknown is not None and "wants real bytes" in told.unknown


def test_a_store_that_runs_out_of_memory_by_itself_is_accused() -> None:
    told = out_of_memory(MemoryError).tell(0)
    assert "availability" in {finding.checker for finding in told.findings}


@pytest.mark.parametrize("odd", [{"status": None}, {"status": 204, "body": None}])
def test_an_answer_that_no_server_could_send_is_the_stores_failure(odd: dict[str, Any]) -> None:
    """One without a status was taken for none at all, and its store for one that is merely silent."""

    def build(port: SimPort, root: str) -> WholeRequests:
        return WholeRequests(lambda request: Response(headers=TUS, **odd))

    search = Search(scenario=library.load("sequential"), target=TARGET.name)
    told = Session(search, Subject(target=TARGET, build=build, sweep_ms=0)).tell(0)

    assert "availability" in {finding.checker for finding in told.findings}
    assert any("TypeError" in finding.summary for finding in told.findings)
