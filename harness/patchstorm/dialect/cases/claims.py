"""The vocabulary of expectations: small functions that make claims about an answer.

A claim says what is wrong, as the end of a sentence that begins with the request, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from patchstorm.dialect.cases.model import Claim, Condition, View

NUMBER = re.compile(r"[0-9]{1,4300}", re.ASCII)  # int() refuses more digits
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, 5.6.2
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DATE = re.compile(
    rf"({_DAYS}), [0-9]{{2}} ({_MONTHS}) [0-9]{{4}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} GMT", re.ASCII
)
"""IMF-fixdate, the one form that may be sent (RFC 7231, 7.1.1.1; RFC 9110, 5.6.7)."""


SHOWN_CHARS = 120


def shown(text: str | None) -> str:
    """A header's value, short enough for a sentence."""
    if text is None:
        return "nothing"
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}... ({len(text)} characters)"


# ---- when a claim applies


def ok(view: View) -> bool:
    """This request succeeded."""
    return view.here.ok


def refused(view: View) -> bool:
    """This request was refused."""
    return view.here.refused


def after_ok(view: View) -> bool:
    """The request before this one succeeded."""
    return view.last.ok


def after_refusal(view: View) -> bool:
    """The request before this one was refused."""
    return view.last.refused


def both(*conditions: Condition) -> Condition:
    return lambda view: all(condition(view) for condition in conditions)


# ---- claims


def status(*allowed: int) -> Claim:
    """The status is one of these."""

    def claim(view: View) -> str | None:
        if view.status in allowed:
            return None
        return f"was answered {view.status}, expected {either(allowed)}"

    return claim


def success(view: View) -> str | None:
    """It is accepted."""
    return None if view.here.ok else f"was refused with {view.status}"


def not_accepted(view: View) -> str | None:
    """Whatever is said, it is no success."""
    return f"was accepted with {view.status}" if view.here.ok else None


def client_error(view: View) -> str | None:
    """It is accepted, or refused as the client's mistake."""
    if view.here.ok or 400 <= view.status < 500:
        return None
    return f"was answered {view.status}, expected 4xx"


def client_refusal(view: View) -> str | None:
    """It is refused, as the client's mistake."""
    return None if 400 <= view.status < 500 else f"was answered {view.status}, expected 4xx"


def not_served(view: View) -> str | None:
    """It is accepted, or refused as the client's mistake or as something that is not implemented."""
    return None if view.status == 501 else client_error(view)


def gone(view: View) -> str | None:
    """404 or 410."""
    if view.status in (404, 410):
        return None
    return f"was answered {view.status}, expected 404 or 410"


def has(name: str) -> Claim:
    """The header is there and says something."""

    def claim(view: View) -> str | None:
        return None if view.header(name) else f"was answered {view.status} without {name}"

    return claim


def lacks(name: str) -> Claim:
    """The header is not there."""

    def claim(view: View) -> str | None:
        value = view.header(name)
        return None if value is None else f"was answered with {name}: {shown(value)}"

    return claim


def says(name: str, value: str) -> Claim:
    """The header has this value."""

    def claim(view: View) -> str | None:
        found = view.header(name)
        if found == value:
            return None
        if found is None:
            return f"was answered {view.status} without {name}, expected {shown(value)}"
        return f"was answered with {name}: {shown(found)}, expected {shown(value)}"

    return claim


def number(name: str) -> Claim:
    """The header, where it is given, is a non-negative decimal integer."""

    def claim(view: View) -> str | None:
        found = view.header(name)
        if found is None or NUMBER.fullmatch(found):
            return None
        return f"was answered with {name}: {shown(found)!r}, which is no non-negative integer"

    return claim


def listed(name: str) -> list[str]:
    """The elements of a list field, blanks round commas taken off (RFC 9110, 5.6.1)."""
    return [part.strip(" \t") for part in name.split(",")]


def lists(name: str, *elements: str) -> Claim:
    """The header is a list of tokens and names all of these."""

    def claim(view: View) -> str | None:
        found = view.header(name)
        if found is None:
            return f"was answered {view.status} without {name}"
        parts = listed(found)
        if not all(TOKEN.fullmatch(part) for part in parts):
            return f"was answered with {name}: {shown(found)!r}, which is no comma-separated list"
        missing = [element for element in elements if element not in parts]
        if missing:
            return f"was answered with {name}: {shown(found)}, which lacks {', '.join(missing)}"
        return None

    return claim


def if_given(name: str, claim: Claim) -> Claim:
    """The claim, where the header is there at all."""
    return lambda view: None if view.header(name) is None else claim(view)


def date(name: str) -> Claim:
    """The header, where it is given, is an HTTP date."""

    def claim(view: View) -> str | None:
        found = view.header(name)
        if found is None or DATE.fullmatch(found):
            return None
        return f"was answered with {name}: {shown(found)!r}, which is no IMF-fixdate"

    return claim


def one_of(*claims: Claim) -> Claim:
    """Any of them suffices; the first says what is wrong."""

    def claim(view: View) -> str | None:
        complaints = [one(view) for one in claims]
        return None if None in complaints else complaints[0]

    return claim


def all_of(*claims: Claim) -> Claim:
    """The first thing that is wrong."""
    return lambda view: next((said for one in claims if (said := one(view)) is not None), None)


def either(values: Iterable[int]) -> str:
    """Statuses as people list them."""
    names = [str(value) for value in values]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
