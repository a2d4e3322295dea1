"""``patchstorm docs``: where the documents are, each by name, and one that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.cli import main
from patchstorm.commands.documents import directory, documents


def test_every_document_has_a_name_and_the_index_is_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["docs"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{directory()}\n")
    named = [line.split()[0] for line in said.splitlines()[2:-2]]
    assert named == list(documents()) and named[0] == "index"
    assert set(documents().values()) == set(directory().rglob("*.md"))


@pytest.mark.parametrize("name", ["pytest", "pytest.md", "docs/pytest.md", "servers/tusd"])
def test_a_document_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", name]) == 0
    page = Path(name).with_suffix(".md")
    path = directory() / (page.name if page.parts[0] == "docs" else page)
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


def test_a_misspelt_one_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "pytst"]) == 2
    assert 'did you mean "pytest"?' in capsys.readouterr().err
