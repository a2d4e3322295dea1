"""Targets that say only how they run in a container: where they are stormed, and where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuse.storms import storm

from patchstorm.commands.target import check
from patchstorm.errors import UsageError
from patchstorm.target.load import parse_target
from patchstorm.target.model import varied
from patchstorm.worlds.fuse.suits import reason_to_skip
from patchstorm.worlds.registry import world_of

IMAGE = """
name = "boxed"
capabilities = ["sequential", "creation"]
[container]
image = "registry.example/mine:1"
command = ["mine", "--port", "{port}", "--dir", "{root}"]
[wire]
path = "/files"
[variants.loud]
arguments = ["--loud"]
"""
WITH_START = '[start]\ncommand = ["mine", "{port}"]\n[container]'


@pytest.mark.parametrize(
    ("world", "runs"),
    [("fuse", True), ("containers", True), ("processes", False), ("nfs", False), ("sim", False)],
)
def test_an_image_alone_is_run_where_there_are_containers(world: str, runs: bool) -> None:
    target = parse_target(IMAGE, source="boxed.toml")
    assert target.only_contained
    reason = world_of(world).cannot_run(target)
    assert (reason is None) is runs
    if world in ("processes", "nfs"):
        assert "--world fuse" in str(reason)


def test_who_has_a_command_of_its_own_is_processes_in_fuse_as_ever() -> None:
    target = parse_target(IMAGE.replace("[container]", WITH_START), source="boxed.toml")
    assert not target.only_contained
    assert world_of("processes").cannot_run(target) is None


def test_a_variant_adds_to_the_command_in_the_container_and_makes_up_no_other() -> None:
    target = varied(parse_target(IMAGE, source="boxed.toml"), "loud")
    assert target.only_contained
    assert target.container is not None and target.container.command[-1] == "--loud"


def test_an_image_without_a_command_is_too_little() -> None:
    text = "\n".join(line for line in IMAGE.splitlines() if not line.startswith("command"))
    with pytest.raises(UsageError, match=r"start\.command is missing.*\[container\]"):
        parse_target(text, source="boxed.toml")


def test_a_check_that_would_start_processes_says_that_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "boxed.toml"
    file.write_text(IMAGE, encoding="utf-8")
    with pytest.raises(UsageError, match="in containers only"):
        check(str(file), json=False, keep=False)


def test_what_replicas_share_is_not_reached_from_containers() -> None:
    text = IMAGE.replace("[wire]", '[companion]\ncommand = ["redis", "--port", "{port}"]\n[wire]')
    alone, sharing = (parse_target(one, source="boxed.toml") for one in (IMAGE, text))
    assert reason_to_skip(storm(), alone) is None
    assert "which containers cannot reach" in str(reason_to_skip(storm(), sharing))
