"""What all pages share: the look, how values get in, and that nothing is loaded or run but what is ours.

What servers and scenarios said goes in escaped; the page's own policy (Content Security Policy Level 3) lets
nothing be loaded and no script run but those given here, even if something were missed.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from patchstorm.legible import legible

COMMON = "common.css"


def rendered(package: str, template: str, *, style: str, script: str = "", **values: Any) -> str:
    """A page from a template beside ``package``; ``style`` and ``script`` are names of files there.

    The template gets ``values``, and ``policy``, ``style`` and ``script`` for its head and end.
    """
    looks = asset(__package__, COMMON) + asset(package, style)
    runs = asset(package, script) if script else ""
    environment = Environment(
        loader=FunctionLoader(lambda name: asset(package, name)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_legible,
    )
    scripts = f" script-src '{_hash(runs)}';" if runs else ""
    return environment.from_string(asset(package, template)).render(
        policy=f"default-src 'none'; style-src '{_hash(looks)}';{scripts} img-src data:",
        style=Markup(looks),
        script=Markup(runs),
        **values,
    )


def asset(package: str, name: str) -> str:
    """The text of a file that comes with ``package``."""
    return (resources.files(package) / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _legible(value: object) -> object:
    return legible(value) if type(value) is str else value  # what is markup is ours
