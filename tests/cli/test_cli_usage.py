"""What is asked wrongly is answered with one message that names the remedy, exit code 2, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.cli import main

WRONG = [
    (["run", "replayng"], "replaying"),
    (["run", "no/such/file.toml"], "check the path"),
    (["run", "--target", "refrence"], "reference"),
    (["run", "--target", "no/such/server.toml"], "TOML"),
    (["run", "--target", "reference:apend"], "append"),
    (["run", "--target", "bug:no-such"], "did you mean"),
    (["run", "--world", "cloud"], "Worlds: sim, processes"),
    (["run", "--storage", "tmps"], "tmpfs"),
    (["run", "--world", "processes", "--storage", "nfs4"], "In processes: tmpfs"),
    (
        ["run", "--world", "containers", "--storage", "nfs4.2,kernel=6.12"],
        "the kernel that is installed",
    ),
    (["run", "--world", "sim", "--storage", "dir:."], "list storages"),
    (["run", "--storage", "nfs4,actimeo=x"], "actimeo"),
    (["run", "--seed", "-1"], "from 0"),
    (["run", "--seed", "one"], "--help"),
    (["run", "--schedules", "0"], "from 1"),
    (["run", "--replicas", "-3"], "from 1"),
    (["run", "--replicas", "65"], "to 64"),
    (["run", "--jobs", "0"], "from 1"),
    (["run", "--junit", "no/such/folder/junit.xml"], "directory that exists"),
    (["run", "--out", "/dev/null/runs"], "may write to"),
    (["run", "--bogus"], "--help"),
    (["storm", "replaying"], "Commands: run, explore, shrink, check, replay"),
    (["explore", "replayng"], "replaying"),
    (["explore", "replaying", "--strategy", "luck"], "Known: portfolio, random-walk"),
    (["explore", "replaying", "--seconds", "0"], "above 0"),
    (["explore", "replaying", "--seconds", "nan"], "above 0"),
    (["explore", "replaying", "--schedules", "0"], "from 1"),
    (["explore", "replaying", "--storage", "dir:."], "list storages"),
    (["shrink", "no/such/failure.json", "-o", "small.json"], "failure file"),
    (["shrink", "failure.json"], "--help"),
    (["selftest", "--only", "no-fsnc"], "no-fsync"),
    (["selftest", "--seeds", "0"], "from 1"),
    (["selftest", "--budget", "0"], "from 1"),
    (["selftest", "--schedules", "0"], "from 1"),
    (["selftest", "--seed", "-1"], "from 0"),
    (["selftest", "--out", "/dev/null/kept"], "may write to"),
    (["list", "tables"], "Lists: scenarios, targets"),
    (["list"], "--help"),
    (["check", "no/such/history.jsonl"], "history"),
    (["replay", "no/such/failure.json"], "failure file"),
    (["replay", "failure.json", "--times", "0"], "from 1"),
    (["report", "no/such/runs"], "--out DIR"),
]


@pytest.mark.parametrize(("arguments", "remedy"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_a_wrong_request_is_refused_with_its_remedy(
    arguments: list[str],
    remedy: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("patchstorm: ")
    assert remedy in said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_files_of_the_wrong_kind_are_named_as_such(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"format": "something-else", "version": 9}\n')
    for command in ("check", "replay"):
        assert main([command, str(other)]) == 2
        assert str(other) in capsys.readouterr().err


def test_a_mistake_of_the_harness_is_no_violation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("a planted mistake")

    monkeypatch.setattr("patchstorm.commands.listing.execute", broken)
    assert main(["list", "faults"]) == 2
    said = capsys.readouterr().err
    assert "a planted mistake" in said
    assert said.splitlines()[-1].startswith("patchstorm: this is a bug in patchstorm")
