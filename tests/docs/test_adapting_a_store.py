"""The document for authors of stores is followed to the letter, in an empty directory, as a new user does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import patchstorm

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = (TOP / "docs" / "adapting-a-store.md").read_text(encoding="utf-8")
FILES = ("my_store.py", "mine.py", "search.py", "replay.py")
LOCK = re.findall(r"```text\n(.*?)```", DOCUMENT, re.DOTALL)[0]
APPEND = '        """Whether the bytes were taken."""\n'


def said(folder: Path, *command: str) -> list[str]:
    """The lines that a program of the document prints in ``folder``."""
    path = str(Path(patchstorm.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_its_files_find_the_mistake_and_the_lock_that_it_names_mends_it(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    for name, text in zip(FILES, blocks, strict=True):
        assert f"`{name}`" in DOCUMENT
        (tmp_path / name).write_text(text)
    lines = said(tmp_path, "search.py")
    assert lines[0] == "replaying against mine in sim, seed 1: violated"
    assert any("bytes: the published file has" in line for line in lines)
    assert any(line.endswith("<- done on what had changed") for line in lines)

    (failure,) = (str(one) for one in tmp_path.glob("failures/replaying-mine-sim-1-*/failure.json"))
    assert said(tmp_path, "replay.py", failure)[:-1] == lines[:-1], "the last names the file"

    store = tmp_path / "my_store.py"
    text = store.read_text()
    assert text.count(APPEND) == 1
    store.write_text("import fcntl\n" + text.replace(APPEND, APPEND + LOCK))
    assert said(tmp_path, "replay.py", failure) == ["it does not come back"]
    assert said(tmp_path, "search.py")[0].startswith("replaying against mine in sim, seed 1: safe")
