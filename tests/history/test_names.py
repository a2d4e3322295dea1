"""What was made for one occasion is told from what stands for a thing."""

from __future__ import annotations

import pytest

from patchstorm.history.names import generic


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("9f1c2ab34d5e6f70.info", "*.info"),
        ("5a54c12b-8a2b-4957-b43a-955efc6e1069.lock", "*.lock"),
        (".upload/V1StGXR8/body_tmpab12cd_x.tmp", ".upload/*/body_*.tmp"),
        ("x.lock.48213", "x.lock.*"),
        ("chunk_00008000.dat", "chunk_*.dat"),
        ("uploads/2026/11/data", "uploads/2026/11/data"),
        ("incoming", "incoming"),
        ("feedbeefs", "feedbeefs"),
        (".locks/v2", ".locks/v2"),
    ],
)
def test_a_star_stands_for_what_is_no_word(path: str, pattern: str) -> None:
    assert generic(path) == pattern
