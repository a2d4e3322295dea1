"""A report as one self-contained HTML page: no script, nothing loaded from anywhere."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined

from patchstorm.legible import legible
from patchstorm.report.model import Report
from patchstorm.report.story import headline, remark, story, tally, word


def _legible(value: object) -> object:
    """Every value on its way into the page."""
    return legible(value) if type(value) is str else value  # what is markup is ours


def page(report: Report) -> str:
    """The whole page as text; everything that servers or scenarios said is escaped."""
    source = (resources.files("patchstorm.report") / "page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_legible
    )
    return environment.from_string(source).render(
        verdict=report.verdict,
        tally=tally(report.runs),
        runs=[(run, word(run), remark(run)) for run in report.runs],
        stories=[
            (headline(run), "\n".join(story(run)))
            for run in report.runs
            if run.verdict == "violated"
        ],
    )
