"""Django and what is made for it are a process's own, without a word in the target's file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from patchstorm.worlds.sim.hosted.frameworks import made_for_django, uses_django

from .probing import said
from .running import needs

PACKAGES = {
    "plain_kept": "# import django is what others do\nseen = []\n",
    "made_for_it_kept": "from django.conf import settings\nseen = []\n",
}
COUNTS = """
    import {first}, {second}
    for one in ({first}, {second}):
        one.seen.append(1)
    print(len(plain_kept.seen), len(made_for_it_kept.seen))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the packages are installed; the server lies elsewhere."""
    place = tmp_path / "installed"
    for name, text in PACKAGES.items():
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(place)])
    yield place
    for name in PACKAGES:
        sys.modules.pop(name, None)


def test_what_imports_django_is_told_from_what_names_it(installed: Path) -> None:
    path = (str(installed),)
    assert made_for_django("django", path)
    assert made_for_django("made_for_it_kept", path)
    assert not made_for_django("plain_kept", path)
    assert not made_for_django("not_there", path)


def test_a_server_uses_django_by_what_lies_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("import os\nNAME = 'django'\n")
    assert not uses_django(str(tmp_path), ("server",), sys.path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "wsgi.py").write_text(
        "    from django.core.wsgi import get_wsgi_application\n"
    )
    assert uses_django(str(tmp_path), ("server",), sys.path)


@pytest.mark.parametrize("order", [tuple(PACKAGES), tuple(reversed(PACKAGES))])
def test_what_is_made_for_django_begins_anew_with_each_start_of_such_a_server(
    order: tuple[str, str], installed: Path, tmp_path: Path
) -> None:
    """In whatever order they are imported, and even before Django itself is."""
    needs("django")
    first, second = order
    code = COUNTS.format(first=first, second=second) + "    import django\n"
    assert said(tmp_path, code) == [["1 1"], ["2 1"]]


def test_a_server_without_django_shares_installed_packages(installed: Path, tmp_path: Path) -> None:
    code = "import plain_kept\nplain_kept.seen.append(1)\nprint(len(plain_kept.seen))"
    assert said(tmp_path, code) == [["1"], ["2"]]
