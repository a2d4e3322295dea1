"""A report as one HTML page: no script, nothing loaded. It links to the pages of its failures."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, StrictUndefined

from patchstorm.legible import legible
from patchstorm.report.model import Report
from patchstorm.report.story import headline, remark, story, tally, word


def _legible(value: object) -> object:
    """Every value on its way into the page."""
    return legible(value) if type(value) is str else value  # what is markup is ours


def page(report: Report, drawn: Mapping[str, str] | None = None) -> str:
    """The whole page as text; everything that servers or scenarios said is escaped.

    ``drawn``: by the path of a failure the address of its own page.
    """
    source = (resources.files("patchstorm.report") / "page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_legible
    )
    return environment.from_string(source).render(
        verdict=report.verdict,
        tally=tally(report.runs),
        runs=[
            (run, word(run), remark(run), (drawn or {}).get(run.failure or ""))
            for run in report.runs
        ],
        stories=[
            (headline(run), "\n".join(story(run)))
            for run in report.runs
            if run.verdict == "violated"
        ],
    )
