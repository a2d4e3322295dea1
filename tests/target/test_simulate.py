"""``[simulate]`` in a target's file: read strictly, and told by name what is wrong."""

from __future__ import annotations

import sys

import pytest

from patchstorm.errors import UsageError
from patchstorm.target.load import parse_target
from patchstorm.target.model import varied
from patchstorm.worlds.registry import world_of
from patchstorm.worlds.sim.hosted import install

FILE = """
name = "mine"
capabilities = ["sequential", "creation"]
[simulate]
app = "json:loads"
{more}
[wire]
path = "/files"
"""


def of(more: str = "", **other: str) -> str:
    text = FILE.format(more=more)
    for old, new in other.items():
        text = text.replace(FILE_PARTS[old], new)
    return text


FILE_PARTS = {"app": 'app = "json:loads"'}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (of('owns = ["x"]'), "simulate.owns"),
        (of(app='app = "no_colon"'), "simulate.app"),
        (of('own = ["a.b"]'), "simulate.own[0]"),
        (of('environment = { A = "{nowhere}" }'), "simulate.environment.A"),
        (of('environment = { A = "{lifetime_s}" }'), "simulate.environment.A"),
        (of(app=""), "app"),
    ],
)
def test_a_mistake_is_named_by_its_key(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml") as refused:
        parse_target(text, source="mine.toml")
    assert named in str(refused.value)


def test_without_a_command_it_is_simulated_and_not_started() -> None:
    target = parse_target(of(), source="mine.toml")
    assert world_of("sim").cannot_run(target) is None
    reason = world_of("processes").cannot_run(target)
    assert reason is not None and "[start]" in reason


def test_without_either_the_file_says_too_little() -> None:
    text = of().replace("[simulate]", "").replace('app = "json:loads"', "")
    with pytest.raises(UsageError, match=r"start\.command"):
        parse_target(text, source="mine.toml")


def test_a_module_that_is_not_there_is_named_with_the_way_to_install_it() -> None:
    target = parse_target(of(app='app = "no_such_server.app:app"'), source="mine.toml")
    reason = world_of("sim").cannot_run(target)
    assert reason is not None
    assert f"{sys.executable} -m pip install no_such_server" in reason


def test_a_variant_s_environment_is_the_simulated_one_s_as_well() -> None:
    text = of('environment = { A = "1", B = "{root}" }')
    text += '[variants.locked]\nenvironment = { A = "2" }\n'
    simulate = varied(parse_target(text, source="mine.toml"), "locked").simulate
    assert simulate is not None
    assert simulate.environment == {"A": "2", "B": "{root}"}


def test_a_python_that_keeps_its_loop_elsewhere_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(install, "PYTHON_MAX", (3, 10))
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    reason = world_of("sim").cannot_run(parse_target(of(), source="mine.toml"))
    assert reason is not None
    assert f"Python {here}" in reason and "3.10" in reason and "processes" in reason
