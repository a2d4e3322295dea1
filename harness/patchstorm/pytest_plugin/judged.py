"""What a report means for a test: it passes, is skipped, or fails with the story."""

from __future__ import annotations

import pytest

from patchstorm.api import RunReport, explain


class NotSafe(Exception):
    """A storm ended violated or unknown, or otherwise than a test expects."""

    def __init__(self, report: RunReport, expected: str = "safe") -> None:
        super().__init__(report, expected)
        self.report = report
        self.expected = expected

    def __str__(self) -> str:
        told = explain(self.report)
        return told if self.expected == "safe" else f"expected: {self.expected}\n{told}"


def judged(report: RunReport, expected: str | None = "safe") -> None:
    """Skip or fail the test where ``report`` says so; with None any verdict will do."""
    if report.skipped is not None:
        pytest.skip(report.skipped)
    if expected is not None and report.verdict != expected:
        raise NotSafe(report, expected)
