"""The document of litmus programs has the whole language, and shows no command that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patchstorm.campaign.litmus import MountReport
from patchstorm.campaign.litmus_file import read_programs
from patchstorm.commands.litmus_told import litmus_document
from patchstorm.storage.litmus.checking import check_command
from patchstorm.storage.litmus.judge import Judged
from patchstorm.storage.litmus.program import EVENTS
from patchstorm.storage.litmus.shell import CHOICES, VERBS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "nfs.md").read_text(encoding="utf-8")
LANGUAGE = TEXT.partition("### Programs of your own")[2].partition("### Random programs")[0]
AFTER_EXAMPLE = LANGUAGE.partition("```toml")[2].partition("```")[2]
ROWS = re.findall(r"^\| (`.+?) \| .* \|$", LANGUAGE, re.MULTILINE)
SHOWN = [command for row in ROWS for command in re.findall(r"`([^`]+)`", row)]
EXAMPLES = {"N": "1", "AT": "0", "FLAGS": "rw,creat", "ORIGIN": "set", "DATA": "x"}


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_of_the_table_can_be_written(command: str) -> None:
    verb, *words = command.split()
    check_command(verb, [EXAMPLES.get(word, word) for word in words])


def test_the_table_has_every_command() -> None:
    assert {command.split()[0] for command in SHOWN} == set(VERBS)


def test_the_document_has_every_flag_origin_and_event() -> None:
    words = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`([^`]+)`", AFTER_EXAMPLE))))

    assert {*CHOICES["flags"], *CHOICES["origin"], *EVENTS, "sleep", "par", "end"} <= words


def test_the_example_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(LANGUAGE.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")

    assert [program.name for program in read_programs(path).programs] == ["moved-away"]


def test_every_key_of_the_json_is_named() -> None:
    report = MountReport(mount="m", judged=[Judged(program="p", seen=(), possible=0)])
    (mount,) = litmus_document([report], "agrees", interrupted=False, own=True)["mounts"]
    judge = TEXT.partition("## The judge of the model")[2].partition("### Programs of your own")[0]

    assert [key for key in (*mount, *mount["programs"][0]) if f'"{key}"' not in judge] == []
