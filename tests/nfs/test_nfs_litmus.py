"""The command ``litmus``: real mounts agree with the model, and a model that is wrong is told of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patchstorm.campaign.litmus import Choice, MountReport, litmus, parse_mounts
from patchstorm.cli import main
from patchstorm.errors import UsageError
from patchstorm.live.litmus.haste import hastened, patience_s
from patchstorm.storage.litmus.catalogue import PROGRAMS
from patchstorm.storage.litmus.judge import applies, judge
from patchstorm.worlds.nfs.guests import Guests
from patchstorm.worlds.nfs.litmus import NfsStand

FEW = ("replaced-kept-as-backup", "flock", "append-two-hosts", "missing-name", "killed-holder")


def test_mounts_and_their_options_share_a_list() -> None:
    assert parse_mounts("nfs3,nfs4.2,actimeo=1,noac,nfs4.0") == (
        "nfs3",
        "nfs4.2,actimeo=1,noac",
        "nfs4.0",
    )
    assert parse_mounts("tmpfs,dir:/a/b") == ("tmpfs", "dir:/a/b")


@pytest.mark.parametrize("text", ["actimeo=1", "nfs9", "nfs3,bogus=1", "ext4"])
def test_what_is_no_mount_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_mounts(text)


def test_local_mounts_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mounts = f"tmpfs,dir:{tmp_path}"

    assert main(["litmus", "--mount", mounts, "--program", ",".join(FEW), "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "agrees"
    for mount in document["mounts"]:
        assert {one["program"] for one in mount["programs"]} == set(FEW)
        assert all(one["seen"] for one in mount["programs"])
    assert list(tmp_path.iterdir()) == []


def test_only_a_host_that_was_away_tells_the_server_that_its_locks_are_nobodys() -> None:
    """Others hold locks there while a program in which somebody was killed is put in order."""
    done: list[str] = []

    class Fake:
        def __init__(self, name: str, up: bool) -> None:
            self.name, self.up = name, up

        def rejoin(self) -> None:
            pass

        async def boot(self) -> None:
            self.up = True

        async def notify(self) -> None:
            done.append(self.name)

    async def nothing(*_: object) -> None:
        pass

    storage: Any = SimpleNamespace(
        nfs_hosts=(Fake("up", True), Fake("away", False)),
        mount=nothing,
        server=SimpleNamespace(end_grace=nothing),
    )
    asyncio.run(NfsStand(storage).settle())
    assert done == ["away"]


def test_what_the_rules_forbid_is_told_with_the_step() -> None:
    program = PROGRAMS["flock"]

    judged = judge(program, "tmpfs", [("locked", "locked", None, "locked")])

    assert len(judged.forbidden) == 1
    assert "B" in judged.forbidden[0] and "lock" in judged.forbidden[0]
    assert not judge(program, "tmpfs", [("locked", "EAGAIN", None, "locked")]).forbidden


def test_what_is_allowed_and_was_not_seen_is_told() -> None:
    judged = judge(PROGRAMS["missing-name"], "nfs4.2", [(False, None, 1, "x", ["f"], 1)])

    assert not judged.forbidden
    assert {(commands, result) for _, commands, result in judged.unseen} >= {("= size f", "ENOENT")}
    assert judged.possible > len(judged.seen)


def test_rules_for_shared_locks_are_not_applied_to_local_ones() -> None:
    assert applies(PROGRAMS["flock"], "nfs4.2,actimeo=1")
    assert applies(PROGRAMS["flock"], "nfs3,nolock")
    assert not applies(PROGRAMS["dead-host"], "nfs3,nolock,noac")
    assert applies(PROGRAMS["dead-host"], "nfs3,noac")


def test_programs_about_leases_are_shortened_and_others_are_not() -> None:
    assert patience_s(hastened(PROGRAMS["dead-host"])) < 30 < patience_s(PROGRAMS["dead-host"])
    assert patience_s(hastened(PROGRAMS["missing-name-expires"])) == 61


def test_a_wrong_name_is_answered_with_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["litmus", "--mount", "tmpfs", "--program", "flok"]) == 2
    assert "flock" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_real_nfs_agrees_with_the_model(guests: Guests) -> None:
    """A selection; ``patchstorm litmus`` runs them all."""
    choice = Choice(names=(*FEW, "missing-name-unlink", "counter-by-rename-listed"))

    reports = [MountReport(mount=mount) for mount in ("nfs3", "nfs4.0", "nfs4.2")]
    asyncio.run(litmus(reports, choice, guests, lambda _: None))

    for report in reports:
        assert report.missing is None
        assert [(one.program, one.forbidden) for one in report.judged if one.forbidden] == []
        assert {one.program for one in report.judged} == set(choice.names)
