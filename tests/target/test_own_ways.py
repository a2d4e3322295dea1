"""A server's own directories and names, and bytes that are joined on read, accuse nobody in a storm."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.single import run_storm
from patchstorm.scenario import library
from target.tiny_targets import odd

OWN = 'internal = ["incoming/**", "state/**"]\nleftovers = ["state/*"]'
NAMED = [
    "rivals", "rivals-overwrite", "rivals-expiring", "crash-rivals", "directories",
    "power-loss-directories", "crash-publishing-overwrite", "crash-replacing",
]  # fmt: skip


PATIENCE_MS = 1_000
"""For publications that do not come: these servers publish at once or, as is tested, never."""


def ran(storm: str, path: Path) -> StormResult:
    scenario = msgspec.structs.replace(library.load(storm), convergence_ms=PATIENCE_MS)
    return run_storm(scenario, str(path), seed=1, replicas=1, keep_safe=False)


def test_directories_of_the_servers_own_are_no_residue(tmp_path: Path) -> None:
    """One is made at the start, one at the first upload; both are empty in the end, and one never shown."""
    report = ran("sequential", odd(tmp_path, "arranged", published="data/{id}", files=OWN)).report
    assert report.findings == () and report.verdict == "safe"


def test_an_empty_directory_of_an_upload_is_residue(tmp_path: Path) -> None:
    report = ran("sequential", odd(tmp_path, "littering", published="data/{id}", files=OWN)).report
    assert {one.checker for one in report.findings} == {"residue"}
    remedies = [one.remedy for one in report.findings]
    assert [one and (one.key, one.patterns) for one in remedies] == [
        ("files.internal", ("parts-*",)),
        ("files.leftovers", ("parts-*",)),
    ]


def test_what_lay_there_before_the_storm_is_no_residue(tmp_path: Path) -> None:
    report = ran("sequential", odd(tmp_path, "furnished", published="{id}")).report
    assert report.findings == () and report.verdict == "safe"


@pytest.mark.parametrize("storm", NAMED)
def test_a_storm_whose_uploads_want_certain_names_asks_for_named_targets(storm: str) -> None:
    assert "named-targets" in library.load(storm).requires


def test_a_server_with_names_of_its_own_is_skipped_with_that_reason(tmp_path: Path) -> None:
    path = odd(tmp_path, "suffix", published="{target}")
    assert ran("rivals", path).report.skipped == (
        "the storm requires named-targets, which the target does not declare"
    )


def test_a_server_that_nobody_says_to_name_files_itself_is_not_asked_to(tmp_path: Path) -> None:
    path = odd(tmp_path, "suffix", published="{target}")
    assert ran("unnamed", path).report.skipped == (
        "an upload without a name requires unnamed-uploads, which the target does not declare"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("mood", "found"), [("joins", False), ("joins-wrong", True)])
def test_a_final_upload_is_read_as_the_target_declares(
    mood: str, found: bool, tmp_path: Path
) -> None:
    files = 'read = "get"\ninternal = ["**"]'
    soon = "request_ms = 3000"  # one case asks what this server never answers
    path = odd(tmp_path, mood, files=files, more=("concatenation",), wire=soon)
    said = [one.summary for one in ran("conformance", path).report.findings]
    assert any("concat.order" in one for one in said) is found, said
