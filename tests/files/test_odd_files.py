"""Files that users hand in, as no sane program writes them: each is read, or refused in one message."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from files.mutating import documents, texts
from files.toml import written
from patchstorm.campaign.failure import read_failure
from patchstorm.check import judge
from patchstorm.cli import main
from patchstorm.errors import UsageError
from patchstorm.history.reader import read_history
from patchstorm.report.stored import read as read_report
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load, load_all, load_file
from patchstorm.scenario.plausible import check_plan
from patchstorm.scenario.words import CAPABILITIES
from patchstorm.target.load import load_target
from patchstorm.target.model import varied

HERE = Path(__file__).resolve().parents[2]
TARGETS = sorted((HERE / "harness/patchstorm/target/bundled").glob("*.toml"))
SCENARIOS = sorted((HERE / "scenarios").glob("*.toml"))
ANYWHERE = frozenset(CAPABILITIES) - {"sequential"}


@pytest.fixture(scope="module")
def violated(appending_failure: Path) -> Path:
    """The failure of a real store; its history lies beside it."""
    return appending_failure


def use_target(path: Path) -> None:
    target = load_target(path)
    for name in target.variants:
        varied(target, name)


def use_scenario(path: Path) -> None:
    scenario = load_file(path)
    for index in range(2):
        plan = draw_plan(scenario, seed=1, index=index, capabilities=ANYWHERE)
        check_plan(plan, str(path))


def use_history(path: Path) -> None:
    judge(read_history(path))


def refused_or_used(use: Callable[[Path], object], path: Path, data: bytes) -> bool:
    """Whether ``data`` was refused: in one line that begins with the file. Any other error is the test's."""
    path.write_bytes(data)
    try:
        use(path)
    except UsageError as error:
        assert str(error).startswith(str(path))
        assert len(str(error).splitlines()) == 1
        return True
    return False


def storm(use: Callable[[Path], object], path: Path, many: list[bytes]) -> None:
    refused = [refused_or_used(use, path, data) for data in many]
    assert any(refused), "some of the mutations matter"


def mutants_of_toml(path: Path, seed: int, count: int) -> list[bytes]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    changed = [one for one in documents(document, seed, count) if isinstance(one, dict)]
    return [*(written(one).encode() for one in changed), *texts(path.read_bytes(), seed, count)]


def test_mutated_targets_are_read_or_refused(tmp_path: Path) -> None:
    many = [data for seed, path in enumerate(TARGETS) for data in mutants_of_toml(path, seed, 60)]
    storm(use_target, tmp_path / "target.toml", many)


@pytest.mark.slow
def test_mutated_scenarios_are_read_or_refused(tmp_path: Path) -> None:
    many = [data for seed, path in enumerate(SCENARIOS) for data in mutants_of_toml(path, seed, 8)]
    storm(use_scenario, tmp_path / "scenario.toml", many)


def test_mutated_failures_are_read_or_refused(violated: Path, tmp_path: Path) -> None:
    data = violated.read_bytes()
    many = [json.dumps(one).encode() for one in documents(json.loads(data), 7, 400)]
    storm(read_failure, tmp_path / "failure.json", [*many, *texts(data, 7, 200)])


def test_mutated_histories_are_judged_or_refused(violated: Path, tmp_path: Path) -> None:
    data = violated.with_name("history.jsonl").read_bytes()
    lines = [json.loads(line) for line in data.splitlines()]
    many = [
        b"".join(json.dumps(line).encode() + b"\n" for line in one)
        for one in documents(lines, 11, 80)
        if isinstance(one, list)
    ]
    storm(use_history, tmp_path / "history.jsonl", [*many, *texts(data, 11, 60)])


def test_every_bundled_storm_draws_plausible_plans() -> None:
    for scenario in load_all():
        for index in range(3):
            plan = draw_plan(scenario, seed=5, index=index, capabilities=ANYWHERE)
            check_plan(plan, scenario.name)


READERS: dict[str, Callable[[Path], object]] = {
    "target.toml": load_target,
    "scenario.toml": load_file,
    "failure.json": read_failure,
    "history.jsonl": read_history,
    "report.json": read_report,
}
JUNK = {
    "nothing": b"",
    "NULs": b"\0" * 64,
    "binary": bytes(range(256)) * 4,
    "a lone surrogate": b'"\\ud800" = 1\n{"format": "\\udfff"}\n',
    "10,000 brackets": b"a = " + b"[" * 10_000,
    "10,000 braces": b'{"a":' * 10_000,
    "an image": b"\x89PNG\r\n\x1a\n" + b"\0\xff" * 100,
    "a number without end": b"a = " + b"9" * 5_000,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_refused(name: str, junk: str, tmp_path: Path) -> None:
    assert refused_or_used(READERS[name], tmp_path / name, JUNK[junk])


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.mkdir()
    with pytest.raises(UsageError, match=name):
        READERS[name](path)
    path.rmdir()
    os.mkfifo(path)  # nobody ever writes to it
    with pytest.raises(UsageError, match="no regular file"):
        READERS[name](path)


@pytest.mark.parametrize("name", ["target.toml", "scenario.toml", "failure.json"])
def test_a_file_far_too_large_is_not_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse; reading it would end this machine
    with pytest.raises(UsageError, match="MiB are expected"):
        READERS[name](path)


def test_a_byte_order_mark_changes_nothing(violated: Path, tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    for original, name in (
        (TARGETS[0], "target.toml"), (SCENARIOS[0], "scenario.toml"), (violated, "failure.json"),
        (violated.with_name("history.jsonl"), "history.jsonl"),
    ):  # fmt: skip
        assert not refused_or_used(READERS[name], tmp_path / name, mark + original.read_bytes())


GOOD = """
name = "mine"
capabilities = ["sequential", "creation"]
{top}
[start]
command = ["server", "{{port}}"]
{start}
[wire]
path = "/files"
{wire}
[files]
{files}
"""
WRONG: dict[str, tuple[str, str, str]] = {
    "a NUL in a command": ("start", 'lifetime = ["a\\u0000b"]', "start.lifetime"),
    "a time of 10^30": ("start", "stop_ms = 1" + "0" * 30, "stop_ms"),
    "a negative time": ("start", "stop_ms = -9223372036854775808", "start.stop_ms"),
    "a variable with an equals sign": ("start", 'environment = {"A=B" = "c"}', "start.environment"),
    "a header in a header": ("wire", 'headers = {A = "b\\r\\nC: d"}', "wire.headers.A"),
    "a header's name with a colon": ("wire", 'headers = {"A:" = "b"}', "wire.headers.A:"),
    "a metadata key with a comma": ("wire", 'metadata = {"a,b" = "c"}', "wire.metadata.a,b"),
    "an absolute path": ("files", 'published = "/etc/passwd"', "files.published"),
    "a path that climbs": ("files", 'published = "../{target}"', "files.published"),
    "a pattern that climbs": ("files", 'internal = ["a/../../b"]', "files.internal"),
    "an absolute pattern": ("files", 'leftovers = ["/tmp/**"]', "files.leftovers"),
    "two offsets": ("files", 'stored = "{id}/{offset}-{offset}"', "files.stored"),
    "a width": ("files", 'published = "{target:>9999999999}"', "files.published"),
    "a phase elsewhere": ("top", 'phases = {committing = ["-/var/lib/x"]}', "phases.committing"),
}


@pytest.mark.parametrize(("table", "line", "key"), WRONG.values(), ids=WRONG)
def test_a_value_that_cannot_be_is_refused_with_file_and_key(
    table: str, line: str, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "target.toml"
    lines: dict[str, Any] = {"top": "", "start": "", "wire": "", "files": ""} | {table: line}
    path.write_text(GOOD.format(**lines), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_target(path)
    assert str(caught.value).startswith(f"{path}:")
    assert key in str(caught.value)
    path.write_text(GOOD.format(**dict.fromkeys(lines, "")), encoding="utf-8")
    assert load_target(path).name == "mine"


IMPOSSIBLE: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "10^30 replicas": (("replicas",), 10**30),
    "no replicas": (("replicas",), 0),
    "a size below nothing": (("uploads", 0, "info", "size"), -(2**63)),
    "chunks of nothing": (("uploads", 0, "chunk"), 0),
    "a target elsewhere": (("uploads", 0, "info", "target"), "../../etc/passwd"),
    "an upload that is not there": (("clients", 0, "uploads"), ["u7"]),
    "a workload that is not there": (("clients", 0, "kind"), "replayng"),
    "an option that is not there": (("clients", 0, "options", "tims"), 2),
    "an option beyond its bounds": (("clients", 0, "options", "times"), 10**9),
    "an option of another type": (("clients", 0, "options", "times"), "two"),
}


@pytest.mark.parametrize(("place", "value"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_failure_whose_plan_cannot_be_is_not_replayed(
    place: tuple[str | int, ...], value: Any, violated: Path, tmp_path: Path
) -> None:
    document = json.loads(violated.read_bytes())
    holder: Any = document["plan"]
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    path = tmp_path / "failure.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UsageError, match=r"failure\.json: plan\."):
        read_failure(path)


def test_numbers_of_a_storm_are_bounded(tmp_path: Path) -> None:
    text = load_text("replaying")
    for line in ('convergence = "1' + "0" * 30 + 'ms"', "convergence = 1" + "0" * 30):
        path = tmp_path / "mine.toml"
        path.write_text(f"{line}\n{text}", encoding="utf-8")
        with pytest.raises(UsageError, match=r"convergence: .*too large"):
            load_file(path)


def load_text(name: str) -> str:
    assert load(name).name == name
    return (HERE / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o500)
    try:
        code = main(["run", "replaying", "--target", "reference:append", "--world", "sim"])
    finally:
        tmp_path.chmod(0o700)
    said = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in said
    assert "patchstorm-runs" in said
