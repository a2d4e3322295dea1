"""What a stranger looks for first is there, can be reached, and says what the project's file says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from patchstorm.check.registry import CHECKERS
from patchstorm.choice.portfolio import NAMES as STRATEGIES
from patchstorm.storage.catalogue import BASES

TOP = Path(__file__).resolve().parents[2]
DOOR = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]

LICENSE_BEGINS = [
    "Apache License",
    "Version 2.0, January 2004",
    "http://www.apache.org/licenses/",
    "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
]
LICENSE_SECTIONS = [
    "1. Definitions.",
    "2. Grant of Copyright License.",
    "3. Grant of Patent License.",
    "4. Redistribution.",
    "5. Submission of Contributions.",
    "6. Trademarks.",
    "7. Disclaimer of Warranty.",
    "8. Limitation of Liability.",
    "9. Accepting Warranty or Additional Liability.",
]
LICENSE_ENDS = [
    "END OF TERMS AND CONDITIONS",
    "APPENDIX: How to apply the Apache License to your work.",
    "Copyright [yyyy] [name of copyright owner]",
    "limitations under the License.",
]


def read(name: str) -> str:
    return (TOP / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOOR)
def test_the_file_is_there_and_linked_from_where_people_go_on(name: str) -> None:
    assert read(name).strip()
    assert f"({name})" in read("README.md").partition("## Where to go from here")[2]
    assert f"(../{name})" in read("docs/index.md")


def test_the_license_is_the_standard_text_from_its_first_line_to_its_last() -> None:
    lines = [line.strip() for line in read("LICENSE").splitlines() if line.strip()]
    assert lines[:4] == LICENSE_BEGINS
    assert lines[-1] == LICENSE_ENDS[-1]
    assert [line for line in lines if line in LICENSE_ENDS] == LICENSE_ENDS
    headings = [match[0] for line in lines if (match := re.match(r"\d\. [A-Z][A-Za-z ]+\.", line))]
    assert headings == LICENSE_SECTIONS


def test_the_license_travels_with_the_package() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert not any(one.startswith("License ::") for one in PROJECT["classifiers"])


def test_the_changelog_tells_this_version_below_what_is_not_released() -> None:
    releases = re.findall(r"^## (\S+)", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert releases[:2] == ["Unreleased", PROJECT["version"]]


def test_contributors_are_told_the_readmes_test_command() -> None:
    command = re.search(r"^python3 -m venv .*pytest.*$", read("README.md"), flags=re.MULTILINE)
    assert command is not None
    assert command[0] in read("CONTRIBUTING.md").splitlines()


def test_contributors_are_told_every_check_that_ci_makes() -> None:
    checks = re.findall(r"^check \"\w+\" \.venv/bin/(.+)$", read(".ci/run"), flags=re.MULTILINE)
    assert len(checks) == 4
    told = read("CONTRIBUTING.md")
    assert [check for check in checks if f".venv/bin/{check}\n" not in told] == []


def test_addresses_are_of_one_place_and_their_files_exist() -> None:
    urls = PROJECT["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())
    for url in (urls["Documentation"], urls["Changelog"]):
        assert (TOP / url.partition("/blob/main/")[2]).is_file(), url


KINDS = {
    "checks.md": [one.name for one in CHECKERS],
    "cli.md": STRATEGIES,
    "simulator.md": STRATEGIES[1:],
    "storage.md": list(BASES),
}


@pytest.mark.parametrize("name", KINDS)
def test_whatever_there_is_has_its_place_in_the_document(name: str) -> None:
    assert [one for one in KINDS[name] if f"`{one}`" not in read(f"docs/{name}")] == []


def test_the_files_that_a_new_one_touches_are_there() -> None:
    told = read("CONTRIBUTING.md").partition("## A new checker")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:check|choice|storage|worlds|dialect|tests)/[a-z_/]+\.py)`", told)
    places = [
        TOP / one if one.startswith("tests/") else TOP / "harness" / "patchstorm" / one
        for one in named
    ]
    assert len(places) > 6
    assert [str(place) for place in places if not place.is_file()] == []
