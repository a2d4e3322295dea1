"""Another protocol, of one file and one line of registration, is stormed like tus: in two worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from patchstorm import api
from patchstorm.dialect.registry import CAPABILITIES, DIALECTS, forget, register
from patchstorm.errors import UsageError
from patchstorm.target.load import parse_target

from .toy import SHELF, STORE, answered

HERE = Path(__file__).parent
TARGET = """
name = "shelf"
dialect = "shelf"
capabilities = ["sequential", "creation"]
[start]
command = ["{{python}}", "{{here}}/toy.py", "{{port}}", "{{root}}", "{mood}"]
[ready]
by = "http"
[wire]
path = "/shelf"
chunked = false
[files]
internal = [".parts/**"]
leftovers = [".parts/**"]
"""


@pytest.fixture(autouse=True)
def shelf() -> Iterator[None]:
    register(SHELF)
    yield
    forget(SHELF.name)


def target(mood: str) -> api.Target:
    return parse_target(TARGET.format(mood=mood), source="shelf.toml", here=str(HERE))


def subject(*, locked: bool, greedy: bool = False) -> api.Subject:
    def build(port: api.SimPort, root: str) -> api.App:
        module = api.Process(port).load(STORE)
        module.LOCKED = locked
        store = module.Naive(root)

        def handle(request: api.Request) -> api.Response:
            status, headers = answered(
                store, request.method, request.path, request.headers, request.body, greedy=greedy
            )
            return api.Response(status=status, headers=headers)

        return api.WholeRequests(handle)

    return api.subject(target("plain"), build)


@pytest.mark.parametrize("storm", ["sequential", "replaying"])
def test_a_right_server_is_safe_in_the_simulator(storm: str) -> None:
    found = api.explore(storm, subject(locked=True), schedules=30, storage="tmpfs")

    assert found.report.verdict == "safe", api.explain(found.report)


@pytest.mark.parametrize("storm", ["sequential", "replaying"])
def test_a_right_server_is_safe_with_real_processes(storm: str, tmp_path: Path) -> None:
    result = api.run(storm, target("plain"), seed=1, out_dir=tmp_path)

    assert result.report.verdict == "safe", api.explain(result.report)
    assert result.history is not None and result.history.header.dialect == "shelf"
    sent = {op.call.request.method for op in result.history.operations if op.call.request}
    assert sent == {"PUT", "GET", "POST"}


def test_a_race_is_found_in_the_simulator_and_told_in_the_protocol_s_words(tmp_path: Path) -> None:
    raced = subject(locked=False)
    found = api.explore("replaying", raced, schedules=200, storage="tmpfs", out_dir=tmp_path)

    assert found.report.verdict == "violated"
    story = "\n".join(found.stories[0])
    assert " ADD [" in story and "X-At" in story and "PATCH" not in story
    assert api.replay(api.load_failure(found.failures[0]), subject=raced).exact


@pytest.mark.slow
def test_a_failure_of_one_s_own_store_is_never_replayed_with_another_s_code(tmp_path: Path) -> None:
    raced = subject(locked=False)
    named = api.subject(msgspec.structs.replace(raced.target, name="reference"), raced.build)
    found = api.explore("replaying", named, schedules=200, storage="tmpfs", out_dir=tmp_path)
    (path,) = found.failures
    call = f"patchstorm.api.replay(patchstorm.api.load_failure({str(path)!r}), subject=...)"

    assert api.explain(found.report).splitlines()[-1] == call
    for again in (
        lambda: api.replay(api.load_failure(path)),
        lambda: api.shrink(path, tmp_path / "small.json"),
    ):
        with pytest.raises(UsageError, match="handed in itself") as refused:
            again()
        assert call in str(refused.value)
    small = api.shrink(path, tmp_path / "small.json", subject=named)
    assert small.own and api.replay(small, subject=named).reproduced


def test_what_is_taken_is_not_registered_again() -> None:
    with pytest.raises(ValueError, match="there is one of this name"):
        register(SHELF)
    other = replace(SHELF, name="other", capabilities={"creation": "something else"})
    with pytest.raises(ValueError, match="`creation` means"):
        register(other)
    assert "other" not in DIALECTS


def test_what_is_forgotten_leaves_no_word_behind() -> None:
    before = dict(CAPABILITIES)
    shared = {word: CAPABILITIES[word] for word in ("creation", "sequential")}
    register(replace(SHELF, name="other", capabilities={"shelving": "it shelves", **shared}))
    assert before | {"shelving": "it shelves"} == CAPABILITIES
    forget("other")
    assert before == CAPABILITIES


def test_bytes_taken_twice_are_found_with_real_processes(tmp_path: Path) -> None:
    result = api.run("replaying", target("greedy"), seed=1, out_dir=tmp_path)

    assert result.report.verdict == "violated"
    assert {"bytes", "publication"} & {one.checker for one in result.report.findings}
    said = api.explain(result.report)
    assert "PATCH" not in said and "Upload-Offset" not in said


def test_a_protocol_that_nobody_speaks_is_refused_with_the_nearest() -> None:
    text = TARGET.format(mood="plain").replace('dialect = "shelf"', 'dialect = "shelv"')
    with pytest.raises(UsageError, match=r"shelf.toml:3: dialect: unknown protocol `shelv`.*shelf"):
        parse_target(text, source="shelf.toml")
