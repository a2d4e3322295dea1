"""``target check`` never makes a file worse: what is odd is told, and nothing is guessed from it."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from patchstorm.commands.target import check
from patchstorm.errors import TargetError, UsageError
from sampled import one_in
from target.tiny_targets import SOON, odd, tiny

BASE = {"sequential", "creation"}
OWN = 'internal = ["state/**"]\nleftovers = ["state/*"]'


def checked(
    path: Path, capsys: pytest.CaptureFixture[str], *, keep: bool = False, apply: bool = False
) -> dict[str, Any]:
    """What the command says as JSON, with its exit code."""
    code = check(str(path), json=True, keep=keep, apply=apply)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said | {"code": code}


def found(said: dict[str, Any], capability: str) -> Any:
    return next(one["does"] for one in said["probed"] if one["capability"] == capability)


def listed(path: Path) -> set[str]:
    return set(tomllib.loads(path.read_text())["capabilities"])


# ---- capabilities


def test_a_server_that_ignores_the_offset_and_appends_is_not_offset_addressed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "appends")
    said = checked(path, capsys)
    assert found(said, "offset-addressed") is False
    assert "sequential" in listed(path) and "offset-addressed" not in listed(path)


def test_no_extension_is_added_of_a_server_that_answers_204_to_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "accepts")
    checked(path, capsys)
    assert listed(path) <= {
        *BASE,
        "keeps-partial-body",
        "completes-unattended",
        "head-after-finish",
    }


@pytest.mark.slow
def test_a_length_given_late_is_no_deferred_length_unless_head_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(odd(tmp_path, "late-length"), capsys, keep=True)
    assert found(said, "defer-length") is False
    assert "defer-length" not in said["capabilities"]


def test_what_is_not_announced_is_told_and_not_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path, "shy")
    said = checked(path, capsys)
    assert found(said, "termination") is True
    assert "termination" not in listed(path)
    assert "creation" in listed(path), "declared by a person, and seen: it stays"


@pytest.mark.slow
def test_a_final_upload_that_is_joined_on_read_is_a_concatenation_and_one_in_wrong_order_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    get = f'read = "get"\n{OWN}'
    said = checked(odd(tmp_path, "joins", files=get), capsys, keep=True)
    assert found(said, "concatenation") is True
    said = checked(odd(tmp_path, "joins"), capsys, keep=True)
    assert found(said, "concatenation") is True, "by GET where there is no file"
    said = checked(odd(tmp_path, "joins-wrong", files=get), capsys, keep=True)
    assert found(said, "concatenation") is None
    assert "concatenation" not in said["capabilities"]


@pytest.mark.parametrize(("mood", "does"), one_in(2, [("suffix", False), ("named", True)]))
def test_a_name_with_a_suffix_is_not_the_name_that_was_asked_for(
    mood: str, does: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(odd(tmp_path, mood, published="{target}"), capsys, keep=True)
    assert found(said, "named-targets") is does
    assert ("named-targets" in said["capabilities"]) is does


def test_a_pinned_capability_stays_as_it_is_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = 'pinned = ["concatenation", "termination"]'
    path = tiny(tmp_path, more=("concatenation",))
    path.write_text(f"{top}\n{path.read_text()}")
    checked(path, capsys)
    assert "concatenation" in listed(path), "not done, and left in"
    assert "termination" not in listed(path), "done, and left out"


@pytest.mark.slow
def test_a_pinned_reading_stays_the_only_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path)
    text = path.read_text().replace('"sequential",', '"offset-addressed",')
    path.write_text(f'pinned = ["offset-addressed"]\n{text}')
    checked(path, capsys)
    assert "offset-addressed" in listed(path) and "sequential" not in listed(path)


def test_a_pinned_word_that_means_nothing_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tiny(tmp_path)
    path.write_text(f'pinned = ["concatenatoin"]\n{path.read_text()}')
    with pytest.raises(UsageError, match=r"tiny.toml:1: pinned: unknown word `concatenatoin`"):
        check(str(path), json=True, keep=False)


# ---- servers that are not sound


def test_a_server_that_answers_500_to_every_patch_is_told_and_its_file_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "failing")
    before = path.read_text()
    said = checked(path, capsys, apply=True)
    assert (said["code"], said["written"]) == (1, False)
    assert "PATCH at 0 of a new upload: 500 (cannot open the database)" in said["unsound"]
    assert path.read_text() == before


def test_an_offset_of_thousands_of_digits_is_told_and_the_file_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "many-digits")
    before = path.read_text()
    said = checked(path, capsys, apply=True)
    assert (said["code"], said["written"]) == (1, False)
    assert path.read_text() == before


def test_a_server_that_answers_500_to_everything_is_told_in_its_words(tmp_path: Path) -> None:
    path = odd(tmp_path, "down")
    before = path.read_text()
    with pytest.raises(TargetError, match=r"500 \(the database is gone\)"):
        check(str(path), json=True, keep=False)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("mood", "told"),
    one_in(
        3,
        [
            ("one-url", "`../../victim`, which is no path below the storage"),
            ("one-plain", "two creations were given one Location, `/files/upload`"),
            ("strays", "which is no path below the storage"),
        ],
    ),
)
def test_a_location_that_nothing_can_be_told_by_is_told_and_the_file_left_alone(
    mood: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, mood)
    before = path.read_text()
    said = checked(path, capsys, apply=True)
    assert (said["code"], said["written"]) == (1, False)
    assert told in said["unsound"]
    assert set(said["capabilities"]) == BASE and path.read_text() == before


def test_a_name_that_is_there_early_is_not_published_whole_and_one_that_is_not_is_left_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "honest", more=("publishes-atomically",))
    assert found(checked(path, capsys), "publishes-atomically") is False
    assert "publishes-atomically" not in listed(path)
    path = odd(tmp_path, "arranged", published="data/{id}", more=("publishes-atomically",))
    assert found(checked(path, capsys), "publishes-atomically") is None
    assert "publishes-atomically" in listed(path)


def test_other_bytes_at_the_published_place_are_told_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "corrupt")
    before = path.read_text()
    said = checked(path, capsys, apply=True)
    assert "as many bytes as were acknowledged (24000), but other ones" in said["unsound"]
    assert "differs is at 23999" in said["unsound"]
    assert said["proposals"] == [] and path.read_text() == before


@pytest.mark.slow
def test_other_bytes_are_told_as_that_where_the_file_names_another_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "corrupt", published="elsewhere/{id}.bin")
    said = checked(path, capsys)
    told = next(one for one in said["remarks"] if "not to be had" in one)
    assert "has as many bytes as were acknowledged (24000), but other ones" in told
    assert "set files.published" not in told, "that is no way out"
    assert not any(one["key"] == "files.published" for one in said["proposals"])


@pytest.mark.slow
def test_where_finished_bytes_are_not_to_be_had_nothing_follows_from_their_absence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "packed", more=("completes-unattended",))
    said = checked(path, capsys, apply=True)
    assert any("other bytes lie there), no file" in line for line in said["remarks"])
    assert found(said, "completes-unattended") is None
    assert "completes-unattended" in listed(path)


@pytest.mark.slow
def test_a_link_at_the_published_place_is_told_and_no_other_place_is_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "linked", published="public/{id}", more=("completes-unattended",))
    said = checked(path, capsys, apply=True)
    assert any(
        "lies a symbolic link, and only regular files are read" in line for line in said["remarks"]
    )
    assert not any(one["key"].startswith("files.") for one in said["proposals"])
    assert tomllib.loads(path.read_text())["files"]["published"] == "public/{id}"
    assert "completes-unattended" in listed(path)


@pytest.mark.slow
def test_metadata_that_head_wants_is_found_and_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "wants-type")
    said = checked(path, capsys, apply=True)
    (metadata,) = (one for one in said["proposals"] if one["key"] == "wire.metadata.filetype")
    assert "HEAD of a new upload: 400" in metadata["says"]
    assert not any("share" in line for line in said["remarks"])
    assert checked(path, capsys)["proposals"] == []


@pytest.mark.parametrize("mood", ["forgetful", "arranged"])
def test_metadata_that_head_does_not_give_back_is_told(
    mood: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remarks = checked(odd(tmp_path, mood), capsys)["remarks"]
    said = [line for line in remarks if "Upload-Metadata" in line]
    assert bool(said) == (mood == "forgetful")


def test_metadata_that_nobody_can_guess_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"HEAD of a new upload: 400.*wire\.metadata"):
        check(str(odd(tmp_path, "wants-more")), json=True, keep=False)


# ---- the rest of the file


def test_one_round_proposes_all_and_the_next_one_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "arranged", published="{target}", files="")
    said = checked(path, capsys, apply=True)
    proposed = {one["key"]: one["value"] for one in said["proposals"]}
    assert proposed["files.published"] == "data/{id}"
    assert proposed["files.internal"] == ["incoming/**", "state/**"]
    assert proposed["files.leftovers"] == ["state/*"]
    assert proposed["phases.receiving"] == ["~incoming/*.part"]
    assert proposed["phases.publishing"] == ["{published}"]
    text = path.read_text()
    again = checked(path, capsys, apply=True)
    assert (again["proposals"], again["remarks"], again["written"]) == ([], [], False)
    assert path.read_text() == text


@pytest.mark.slow
def test_the_file_that_a_body_is_written_to_is_no_record_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(odd(tmp_path, "renames"), capsys, keep=True)
    proposed = {one["key"]: one["value"] for one in said["proposals"]}
    assert proposed["phases.receiving"] == ["new/*"]
    assert "phases.committing" not in proposed


@pytest.mark.parametrize(
    ("mood", "committing"),
    one_in(
        4,
        [
            ("locks-noted", ["~state/*"]),
            ("locks", None),
            ("locks-empty", None),
            ("locks-brief", None),
            ("locks-made", None),
            ("locks-linked", ["-locks/*"]),
        ],
    ),
)
def test_a_lock_that_nothing_is_written_to_is_no_record_and_what_is_written_beside_it_is_one(
    mood: str,
    committing: list[str] | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = checked(odd(tmp_path, mood), capsys, keep=True)
    proposed = {one["key"]: one["value"] for one in said["proposals"]}
    assert proposed["phases.receiving"] == ["~{published}"]
    assert proposed.get("phases.committing") == committing


@pytest.mark.slow
def test_without_apply_the_proposals_are_told_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "arranged", published="data/{id}", files="")
    check(str(path), json=False, keep=False)
    told = capsys.readouterr().out
    assert '[files]  internal = ["incoming/**", "state/**"]' in told
    assert "internal" not in tomllib.loads(path.read_text())["files"]


@pytest.mark.slow
def test_names_of_the_servers_own_are_had_with_get(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = odd(tmp_path, "own-names", published="{target}", more=("publishes-atomically",))
    said = checked(path, capsys)
    assert found(said, "publishes-atomically") is None, "no name was watched"
    assert "publishes-atomically" in listed(path)
    said = checked(path, capsys, apply=True)
    assert "publishes-atomically" not in listed(path), "it cannot stand beside GET"
    assert tomllib.loads(path.read_text())["files"]["read"] == "get"
    assert found(said, "named-targets") is False
    assert checked(path, capsys)["proposals"] == []


@pytest.mark.slow
def test_names_that_nothing_explains_and_get_does_not_give_are_told_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = checked(odd(tmp_path, "own-unread"), capsys)
    assert any("neither {id} nor" in one and "Have the server" in one for one in said["remarks"])


@pytest.mark.parametrize(
    ("receiving", "better"), one_in(2, [("*.lck", ["~{published}"]), ("~{published}", None)])
)
def test_each_pattern_of_a_phase_is_tried(
    receiving: str, better: list[str] | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path)
    path.write_text(f'{path.read_text()}\n[phases]\nreceiving = ["{receiving}"]\n{SOON}')
    said = checked(path, capsys, keep=True)
    proposed = {one["key"]: one["value"] for one in said["proposals"]}
    assert proposed.get("phases.receiving") == better


def test_a_phase_that_nothing_shows_is_told_with_what_did_happen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path)
    path.write_text(f'{path.read_text()}\n[phases]\nassembling = ["*.lck"]\n{SOON}')
    (remark,) = checked(path, capsys, keep=True)["remarks"]
    assert "phases.assembling: nothing that happened" in remark and "`~{published}`" in remark


# ---- on the terminal


@pytest.mark.slow
def test_every_probe_is_told_and_nothing_stays_in_the_temporary_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    path = odd(tmp_path, "down")
    with pytest.raises(TargetError):
        check(str(path), json=True, keep=False)
    check(str(tiny(tmp_path)), json=True, keep=True)
    said = capsys.readouterr().err
    assert "probing tiny: concatenation" in said and "probing tiny: where the bytes are" in said
    assert list(folder.iterdir()) == []
