"""URLs made by hand from one that a creation gave out: forgeries of a signed one, and what lies beside it.

A signed URL is one whose ``wire.id`` names a query parameter; where it is a JSON Web Token (RFC 7519), its
three parts are forged one by one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from patchstorm.dialect.wire import Wire

FORM = "@"
"""Between the name of a form and a resource's: ``status@a`` is the status document of ``a``."""
_HUGE = 20_000  # letters, more than any server takes for a name


def _status(wire: Wire, url: str) -> str:
    path, _, query = url.partition("?")
    assert wire.status is not None, "asked of targets that have one"
    return wire.status.format(path=path.rstrip("/"), query=query).rstrip("?")


def _elsewhere(wire: Wire, url: str) -> str:
    path, mark, query = url.partition("?")
    return f"{path}/nothing-is-here{mark}{query}"


def _bare(wire: Wire, url: str) -> str:
    return url.partition("?")[0]


def _empty(wire: Wire, url: str) -> str:
    return _with(wire, url, lambda _: "")


def _twice(wire: Wire, url: str) -> str:
    return f"{url}&{url.partition('?')[2]}"


def _cut(wire: Wire, url: str) -> str:
    """Without the signature and its dot."""
    return _with(wire, url, lambda token: token.rpartition(".")[0])


def _longer(wire: Wire, url: str) -> str:
    return _with(wire, url, lambda token: token + "A")


def _garbage(wire: Wire, url: str) -> str:
    return _with(wire, url, lambda token: "not.a-token.at~all")


def _nonsense(wire: Wire, url: str) -> str:
    """Three parts in base64url that are no JSON."""
    return _with(wire, url, lambda token: "bm8.anNvbg.YXRhbGw")


def _huge(wire: Wire, url: str) -> str:
    return _with(wire, url, lambda token: token + "A" * _HUGE)


def _unsigned(wire: Wire, url: str) -> str:
    """The algorithm "none" and no signature (RFC 8725, 2.1)."""
    return _with(wire, url, lambda token: f"{_json({'alg': 'none'})}.{_part(token, 1)}.")


def _retyped(wire: Wire, url: str) -> str:
    """The algorithm "none" and the signature as it was."""
    return _with(
        wire, url, lambda token: f"{_json({'alg': 'none'})}.{_part(token, 1)}.{_part(token, 2)}"
    )


def _claims(wire: Wire, url: str) -> str:
    """Other claims under the signature as it was."""
    more = _json({"sub": "somebody else"})
    return _with(wire, url, lambda token: f"{_part(token, 0)}.{more}.{_part(token, 2)}")


_HIGH = 8
"""How many levels a name climbs: more than any upload lies deep."""


def _climbing(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: "..%2f" * _HIGH + "etc%2fpasswd")


def _dotted(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: "%2e%2e%2f" * _HIGH + "etc%2fpasswd")


def _doubly(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: "%252e%252e%252f" * _HIGH + "etc%252fpasswd")


def _backslashed(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: "..%5c" * _HIGH + "etc%5cpasswd")


def _rooted(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: "%2fetc%2fpasswd")


def _nul(wire: Wire, url: str) -> str:
    return _renamed(wire, url, lambda name: f"{name}%00")


def _roundabout(wire: Wire, url: str) -> str:
    """The upload's own name behind another one and the way back."""
    return _renamed(wire, url, lambda name: f"nobody%2f..%2f{name}")


def _renamed(wire: Wire, url: str, change: Callable[[str], str]) -> str:
    """The URL with the server's name for the upload changed."""
    path, mark, query = url.partition("?")
    if wire.id != "path" and query:
        return _with(wire, url, change)
    before, slash, name = path.rstrip("/").rpartition("/")
    return before + slash + change(name) + mark + query


def _with(wire: Wire, url: str, change: Callable[[str], str]) -> str:
    """The URL with the value of its signed parameter changed."""
    path, _, query = url.partition("?")
    name = wire.id.partition(":")[0]
    pairs = [pair.partition("=") for pair in query.split("&")]
    changed = [(key, change(value) if key == name else value) for key, _, value in pairs]
    return path + "?" + "&".join(f"{key}={value}" for key, value in changed)


def _part(token: str, at: int) -> str:
    parts = token.split(".")
    return parts[at] if at < len(parts) else ""


def _json(value: Mapping[str, str]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


FORMS: Mapping[str, Callable[[Wire, str], str]] = {
    "status": _status,
    "elsewhere": _elsewhere,
    "bare": _bare,
    "empty": _empty,
    "twice": _twice,
    "cut": _cut,
    "longer": _longer,
    "garbage": _garbage,
    "nonsense": _nonsense,
    "huge": _huge,
    "unsigned": _unsigned,
    "retyped": _retyped,
    "claims": _claims,
    "climbing": _climbing,
    "dotted": _dotted,
    "doubly": _doubly,
    "backslashed": _backslashed,
    "rooted": _rooted,
    "nul": _nul,
    "roundabout": _roundabout,
}
