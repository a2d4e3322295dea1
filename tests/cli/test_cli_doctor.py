"""``patchstorm doctor``: what was tried is told, and a machine that cannot run storms is said so."""

from __future__ import annotations

import pytest

from patchstorm.cli import main
from patchstorm.commands import doctor
from patchstorm.commands.machine import machine
from patchstorm.commands.plans import plans_digest
from patchstorm.worlds.base import Row


@pytest.mark.slow
def test_the_doctor_tries_what_storms_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 0
    rows = [line.partition("  ") for line in capsys.readouterr().out.splitlines()]
    said = {what: rest.strip() for what, _, rest in rows}
    for what in (
        "Python",
        "Linux",
        "tmpfs",
        "inotify",
        "world containers",
        "world nfs",
    ):
        assert what in said
    assert said["reference server"].startswith("yes")
    assert "creation" in said["reference server"]
    assert "same plans in any process" in said["determinism"]
    nfs = said["world nfs"]
    assert nfs.startswith("yes") or "apt-get install" in nfs or "this processor" in nfs


@pytest.mark.slow
def test_a_machine_without_something_indispensable_is_told_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Row("inotify", "broken", "Too many open files; raise the limit")
    monkeypatch.setattr(doctor, "machine", lambda: [broken])
    assert main(["doctor"]) == 2
    assert "Too many open files; raise the limit" in capsys.readouterr().out


def test_plans_that_differ_between_processes_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchstorm.commands.plans.plans_digest", lambda: "another digest")
    assert doctor._determinism().state == "broken"


def test_plans_differ_when_the_seed_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plans_digest()
    monkeypatch.setattr("patchstorm.commands.plans.SEED", 2)
    assert plans_digest() != before


def test_what_clients_and_companions_need_has_a_row_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    rows = {row.what: row for row in machine()}
    for what in ("Node", "Java", "Maven", "Redis", "tus-js-client", "tus-java-client"):
        assert rows[what].state == "no" and "install" in rows[what].says, what
    assert "tuspy" in rows
