"""A target's file is read whole, and every mistake in it is named with its key and a remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patchstorm.errors import UsageError
from patchstorm.target.load import load_target, parse_target
from patchstorm.target.model import Companion, Install, Known, Target
from patchstorm.target.registry import bundled_names, resolve
from patchstorm.target.vocabulary import CAPABILITIES, NEEDS, PHASES, PLACEHOLDERS

DOCS = Path(__file__).parents[2] / "docs" / "targets.md"

GOOD = """
name = "mine"
capabilities = ["sequential", "creation"]
[start]
command = ["mine", "--port", "{port}", "--dir", "{root}"]
[wire]
path = "/files/"
"""


def parse(text: str) -> Target:
    return parse_target(text, source="mine.toml", here="/somewhere")


def test_the_least_a_target_can_say() -> None:
    target = parse(GOOD)
    assert target.start.command[0] == "mine"
    assert target.ready.by == "http"
    assert target.files.published == "{target}"
    assert target.reading == "sequential"
    assert target.here == "/somewhere"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[wire]", "[wyre]", ["unknown key `wyre`", 'did you mean "wire"']),
        ('path = "/files/"', 'path = "/f/"\nrequest_s = 1', ["`wire.request_s`", "request_ms"]),
        ('path = "/files/"', 'path = "files"', ["wire.path", "slash"]),
        ('path = "/files/"', "path = 7", ["wire.path", "Expected `str`"]),
        ('path = "/files/"', 'path = "/f/"\nstatus = "{path}/s"', ["`status`", "both or neither"]),
        ('"creation"', '"creatoin"', ["capabilities", "creatoin", '"creation"']),
        ('"sequential", ', "", ["exactly one of", "sequential"]),
        ('"creation"', '"offset-addressed"', ["exactly one of"]),
        ("{root}", "{rot}", ["start.command[4]", "{rot}", '"root"']),
        ("{root}", "{lifetime_s}", ["start.command[4]", "{lifetime_s}"]),
        ("{root}", "{root", ["start.command[4]", "brace"]),
        ('"--port", "{port}", ', "", ["no `{port}`", "ready.line"]),
        ("[start]", "[start]\nstop = 'SIGWHAT'", ["start.stop", "SIGWHAT"]),
        ("[wire]", '[ready]\nby = "line"\n[wire]', ["ready.line is missing"]),
        ("[wire]", '[ready]\nline = "x"\n[wire]', ["ready.line is unused"]),
        ("[wire]", '[ready]\nby = "line"\nline = "("\n[wire]', ["not a regular expression"]),
        ("[wire]", '[phases]\nasembling = ["x"]\n[wire]', ["phases", '"assembling"']),
        ("[wire]", '[files]\npublished = "{name}"\n[wire]', ["files.published", "{name}"]),
        ("[wire]", '[files]\nunnamed = "{target}"\n[wire]', ["files.unnamed", "{target}"]),
        ("[wire]", '[files]\nunnamed = "../{id}"\n[wire]', ["files.unnamed"]),
        ('"creation"', '"creation", "unnamed-uploads"', ["files.unnamed", '"{id}"']),
        ("[wire]", '[variants.x]\nargument = ["-v"]\n[wire]', ["variants.x.argument", "arguments"]),
        ("[wire]", '[variants.x]\narguments = ["{a}"]\n[wire]', ["variants.x.arguments[0]"]),
        ("[wire]", '[variants.x.files]\nintern = ["a"]\n[wire]', ["variants.x.files.intern"]),
        ("[wire]", 'origin = "x"\n[wire]', ["start.origin"]),
        ('name = "mine"', "", ["name"]),
        ("[start]", "[start", ["not valid TOML", "line"]),
        ("[start]", '[wire.headers]\nHost = "a"\n[start]', ["wire.headers.Host", "Take it out"]),
        (
            "[start]",
            '[wire.headers]\ncontent-length = "7"\n[start]',
            ["wire.headers.content-length", "Take it out"],
        ),
        ("[start]", "[wire.progress]\n[start]", ["wire.progress names no header", "`chunks`"]),
        ("[start]", '[wire.progress]\nchunks = ""\n[start]', ["wire.progress.chunks", "a token"]),
        (
            "[start]",
            '[wire.progress]\npercent = "a b"\n[start]',
            ["wire.progress.percent", "a token"],
        ),
        (
            "[start]",
            '[wire.progress]\nchunks = "X-Part"\npercent = "x-part"\n[start]',
            ["wire.progress", "named twice"],
        ),
        ("[start]", '[wire.document]\ntotal = ""\n[start]', ["wire.document.total is empty"]),
        (
            "[start]",
            '[wire.document]\ntotal = "size"\ncommitted = "size"\n[start]',
            ["wire.document.committed", "wire.document.total"],
        ),
    ],
)
def test_each_mistake_is_named(old: str, new: str, says: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as error:
        parse(GOOD.replace(old, new, 1))
    assert str(error.value).startswith("mine.toml:")
    for part in says:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[wire]", "[wyre]", 6),
        ('path = "/files/"', 'path = "/f/"\nrequest_s = 1', 8),
        ('path = "/files/"', "path = 7", 7),
        ('["sequential", "creation"]', '[\n  "sequential",\n  "creatoin",\n]', 5),
        ("{root}", "{rot}", 5),
        ("[wire]", "[start.environment]\nDATA = '{data}'\n[wire]", 7),
        ("[wire]", '[variants.x]\narguments = ["{a}"]\n[wire]', 7),
        ("[wire]", '[[known]]\nstorms = []\nkind = "odd"\nsays = "x"\n[wire]', 8),
        ("[wire]", '[install]\nclient = "npm"\npackages = []\n[wire]', 8),
        ("[wire]", '[companion]\ncommand = ["{companion_port}"]\n[wire]', 7),
        ('path = "/files/"', 'path = "/f/"\nmetadata = { name = "{file}" }', 8),
        ("[wire]", '[files]\nread = "gett"\n[wire]', 7),
    ],
)
def test_each_mistake_is_told_with_its_line(old: str, new: str, line: int) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as error:
        parse(GOOD.replace(old, new, 1))
    assert str(error.value).startswith(f"mine.toml:{line}: "), str(error.value)


def test_what_replicas_share_has_a_port_that_only_they_are_told() -> None:
    shared = '[companion]\ncommand = ["redis", "{port}"]\n[wire]'
    text = GOOD.replace("[wire]", shared).replace("{root}", "{companion_port}")
    assert parse(text).companion is not None
    with pytest.raises(UsageError, match="companion_port"):
        parse(GOOD.replace("{root}", "{companion_port}"))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"no/such\.toml: cannot be read"):
        load_target(Path("no/such.toml"))


def test_every_bundled_target_is_right_and_the_reference_comes_first() -> None:
    assert bundled_names()[0] == "reference"
    for name in bundled_names():
        target = resolve(name)
        assert (target.name, target.origin) == (name, name)
        for variant in target.variants:
            varied = resolve(f"{name}:{variant}")
            assert varied.name == varied.origin == f"{name}:{variant}"


def test_the_append_variant_is_sequential_and_keeps_the_rest() -> None:
    reference, append = resolve("reference"), resolve("reference:append")
    assert (reference.reading, append.reading) == ("offset-addressed", "sequential")
    assert append.start.command == (*reference.start.command, "--variant", "append")
    assert append.wire == reference.wire


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("refrence", '"reference"'),
        ("reference:apend", '"append"'),
        ("bug:nothing-like-it-at-all", "no such planted bug"),
        ("./nowhere.toml", "cannot be read"),
    ],
)
def test_a_wrong_name_is_met_with_the_right_one(name: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve(name)
    assert name.removeprefix("./") in str(error.value)
    assert says in str(error.value)


def test_a_file_is_a_target_and_so_are_its_variants(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + '\n[variants.fast]\narguments = ["--fast"]\n')
    target = resolve(f"{path}:fast")
    assert target.start.command[-1] == "--fast"
    assert target.here == str(tmp_path)
    assert resolve(target.origin) == target


def test_the_example_in_the_documentation_is_a_target() -> None:
    (example,) = re.findall(r"```toml\n(# mine\.toml.*?)```", DOCS.read_text(), re.DOTALL)
    target = parse(example)
    for table in ("start", "ready", "wire", "files", "settle", "phases", "variants"):
        assert f"[{table}" in example
    assert target.variants


def test_the_documentation_knows_every_key_and_every_word() -> None:
    text = DOCS.read_text()
    tables = ("start", "ready", "wire", "files", "settle")
    structs = [Target, *(type(getattr(parse(GOOD), name)) for name in tables)]
    structs += [Companion, Install, Known]
    keys = {key for struct in structs for key in struct.__struct_fields__} - {"here", "origin"}
    for word in [*keys, *CAPABILITIES, *NEEDS, *PHASES, *PLACEHOLDERS]:
        assert f"`{word}`" in text or f"`{{{word}}}`" in text, word
