"""Patterns match whole paths: one star stays within a segment, two span any number of them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from patchstorm.check.residue import matches as residue_matches
from patchstorm.target.patterns import covers, matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.info", "a.info", True),
        ("*.info", "a/b.info", False),
        ("**/*.info", "a.info", True),
        ("**/*.info", "a/b/c.info", True),
        (".upload/**", ".upload/x/y", True),
        (".upload/**", ".upload", True),
        (".upload/**", ".uploads/x", False),
        (".upload/*/stage_*.tmp", ".upload/s/stage_1.tmp", True),
        (".upload/*/stage_*.tmp", ".upload/s/t/stage_1.tmp", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a[b]", "a[b]", True),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern(pattern: str, path: str, expected: bool) -> None:
    assert matches(path, (pattern,)) is expected


def test_what_lies_below_a_match_is_covered() -> None:
    assert covers("locks/a/b", ("locks",))
    assert not covers("blocks/a", ("locks",))


SEGMENT = st.text("ab.*?", min_size=1, max_size=3)
PATH = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(PATH, st.lists(SEGMENT | st.just("**"), min_size=1, max_size=3).map("/".join))
def test_the_judge_of_residue_reads_patterns_the_same_way(path: str, pattern: str) -> None:
    segments = pattern.split("/")
    assume(segments[0] != "**" or len(segments) > 1)
    assume("**/**" not in pattern)
    assume(all(segment == "**" or "**" not in segment for segment in segments))
    assert matches(path, (pattern,)) == residue_matches(path, pattern)
