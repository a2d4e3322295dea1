"""``target check`` finds out what a server does, tells what it only says, and corrects the file."""

from __future__ import annotations

import json
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from patchstorm.commands.target import check
from patchstorm.errors import TargetError, UsageError
from sampled import one_in
from target.tiny_targets import SOON, tiny

DOES = {
    "sequential", "creation", "creation-with-upload", "termination", "keeps-partial-body",
    "head-after-finish", "completes-unattended",
}  # fmt: skip


def checked(path: Path, capsys: pytest.CaptureFixture[str], *, keep: bool = True) -> dict[str, Any]:
    """What the command says as JSON, with its exit code."""
    code = check(str(path), json=True, keep=keep)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said | {"code": code}


def test_an_honest_server_gets_its_whole_list_and_keeps_its_comments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path)
    said = checked(path, capsys, keep=False)
    assert (said["code"], said["contradictions"], said["written"]) == (0, [], True)
    assert set(tomllib.loads(path.read_text())["capabilities"]) == DOES
    for comment in ("# a server of ours", "# as tus asks", "# quick"):
        assert comment in path.read_text()
    again = checked(path, capsys, keep=False)
    assert not again["written"]


def test_what_is_announced_and_not_done_is_told_and_taken_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path, "boastful", more=("checksum-sha1", "concatenation"))
    said = checked(path, capsys, keep=False)
    assert said["code"] == 1
    told = " ".join(said["contradictions"])
    for word in ("checksum-sha1", "expiration", "concatenation"):
        assert f"{word} is announced and not done" in told
    assert set(tomllib.loads(path.read_text())["capabilities"]) == DOES


def test_what_is_done_and_not_announced_is_told_and_no_offence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(tiny(tmp_path, "shy"), capsys)
    assert said["code"] == 0
    assert any("termination is done and not announced" in line for line in said["contradictions"])


KNOWN = """
[[known]]
storms = ["sequentail", "replaying", "*"]
kind = "defect"
says = "it is one"
"""


def test_keep_leaves_the_file_as_it_is_and_words_without_effect_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path)
    inherit = 'stop_ms = 500\ninherit = ["NOSUCH_HERE", "PATH"]'
    path.write_text(path.read_text().replace("stop_ms = 500", inherit) + KNOWN)
    before = path.read_text()
    said = checked(path, capsys)
    assert set(said["capabilities"]) == DOES
    assert path.read_text() == before
    storm, variable = said["remarks"]
    assert storm.startswith("known[0].storms: no bundled storm is called `sequentail`")
    assert "did you mean" in storm and "sequential" in storm
    assert variable.startswith("start.inherit: `NOSUCH_HERE` is not set here")


@pytest.mark.slow
def test_replicas_that_share_nothing_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path, "lonely", published="wherever")
    path.write_text(path.read_text() + SOON)
    said = checked(path, capsys)
    assert any("the replicas do not share uploads" in line for line in said["remarks"])


@pytest.mark.parametrize(
    ("published", "key", "value"),
    one_in(2, [("{target}", "files.published", "{id}"), ("{id}", "files.leftovers", ["*.len"])]),
)
def test_a_wrong_place_is_met_with_the_right_one(
    published: str,
    key: str,
    value: object,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tiny(tmp_path, published=published, files="")
    path.write_text(path.read_text() + SOON)
    proposed = {one["key"]: one["value"] for one in checked(path, capsys)["proposals"]}
    assert proposed[key] == value


@pytest.mark.slow
def test_bytes_that_are_had_with_get_need_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path, published="nowhere", files='read = "get"')
    path.write_text(path.read_text() + SOON)
    said = checked(path, capsys)
    assert said["remarks"] == []
    assert set(said["capabilities"]) == DOES


def test_a_refused_creation_is_told_in_the_servers_words(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as error:
        check(str(tiny(tmp_path, "strict")), json=True, keep=True)
    assert "the header X-Tenant is missing" in str(error.value)
    assert "wire.headers" in str(error.value)


@pytest.mark.slow
def test_the_headers_of_the_file_are_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path, "strict", wire='headers = { X-Tenant = "a" }')
    assert set(checked(path, capsys)["capabilities"]) == DOES


@pytest.mark.parametrize(
    ("mood", "within_ms", "says"),
    [
        ("dies", (15_000,), "the licence has expired"),
        # However busy the machine is, it comes to speak in one of these times.
        ("silent", (700, 7_000, 60_000), "still thinking"),
    ],
)
def test_a_server_that_does_not_start_is_told_with_its_last_words(
    mood: str,
    within_ms: tuple[int, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for patience_ms in within_ms:
        with pytest.raises(TargetError) as error:
            check(str(tiny(tmp_path, mood, within_ms=patience_ms)), json=True, keep=True)
        assert error.value.exit_code == 2
        told = str(error.value)
        if says in told:
            break
    assert says in told
    (log,) = re.findall(r"/\S+/replica-\d\.log", told)
    assert says in Path(log).read_text(encoding="utf-8"), "the log that is named is there"


def test_a_bundled_target_that_is_not_there_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHSTORM_SERVERS", str(tmp_path))
    with pytest.raises(UsageError, match="patchstorm target install tusd"):
        check("tusd", json=False, keep=True)


def test_the_table_names_every_capability(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(str(tiny(tmp_path)), json=False, keep=True)
    out = capsys.readouterr().out
    for word in DOES | {"defer-length", "checksum-sha256", "concatenation", "expiration"}:
        assert word in out
    assert "capabilities should be corrected: +creation-with-upload" in out
