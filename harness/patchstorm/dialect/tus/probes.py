"""The requests of conformance cases as HTTP: placeholders filled in, URLs remembered.

Both worlds speak through this, so a case means the same bytes in either. What a client would know is
all that is known here: the URL that a creation gave out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from patchstorm.dialect.cases.model import CREATION, UNKNOWN, Fields, Step
from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Probe
from patchstorm.dialect.tus.codec import created_url, metadata, published_path
from patchstorm.dialect.tus.forms import FORM, FORMS
from patchstorm.dialect.tus.minting import LIFETIME_S, Minter
from patchstorm.dialect.wire import Wire
from patchstorm.history.events import Contents
from patchstorm.history.model import ProbeSent, UploadInfo

_URL = re.compile(r"\{(url|relative):([^}]*)\}")
_METADATA_OF = re.compile(r"\{metadata-of:([^}]*)\}")
_CHANGED = 8
BEYOND = "{max+1}"
"""Stands for one byte more than the announced maximum."""
_ALPHABETS = ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz", "ABCDEF", "GHIJKLMNOPQRSTUVWXYZ")


Key = tuple[str, int, str]
"""A resource: case, attempt, the case's name for it."""
Read = Callable[[str], tuple[int, bytes] | None]
CONTENTS_BYTES_MAX = 256


@dataclass(slots=True)
class Probes:
    """The resources of all cases of one storm.

    ``mint`` makes the URLs that no creation gave out; None where nobody knows the fleet's secret. ``own``
    is a name that no user's file may have, since the target keeps its own files there.
    """

    wire: Wire
    mint: Minter | None = None
    own: str = ".."
    urls: dict[Key, str] = field(default_factory=dict)
    _names: dict[Key, str] = field(default_factory=dict)
    """What the files of resources are called that are not called like the resource."""

    @property
    def used(self) -> bool:
        """Whether anything was created: nobody knows what these uploads leave behind."""
        return bool(self.urls)

    def head(self, probe: Probe) -> Head | None:
        """The head to send; None where it needs a URL that no creation gave out."""
        step = probe.what
        path = self._path(probe, step.to) if step.minted is None else self._minted(probe, step)
        headers = self._filled(probe)
        if path is None or headers is None:
            return None
        return Head(
            method=step.method,
            path=path,
            headers=_with(headers, self.wire.headers),
            length=len(step.body or b""),
            has_body=step.body is not None and step.framing != "raw",
        )

    def sent(self, probe: Probe, head: Head | None) -> ProbeSent:
        """What the history records of a request."""
        return _sent(probe, head)

    def learn(self, probe: Probe, reply: Reply | None) -> None:
        """Remember the URL of what this request created, and what its file is to be called."""
        if reply is None or probe.what.creates is None:
            return
        url, key = created_url(self.wire, reply), _key(probe, probe.what.creates)
        if url is not None:
            self.urls[key] = url
            self._names[key] = _target(key, probe.what.publishes)

    @property
    def made(self) -> tuple[str, ...]:
        """The URLs of all that was created."""
        return tuple(self.urls.values())

    def contents(
        self, published: str | None, read: Read, now: Callable[[], int]
    ) -> Iterator[Contents]:
        """A ``contents`` event for every resource: its begin, as Latin-1 text.

        ``published`` is the pattern of the target's files, None where they are had by their URLs; ``read``
        gives the size and the first bytes of one, or None where nothing is.
        """
        for key, url in self.urls.items():
            path = url
            if published is not None:
                info = _info(key, self._names.get(key))
                path = published_path(published, self.wire, info, url) or ""
            found = read(path) if path else None
            size, data = found or (0, b"")
            case, attempt, name = key
            yield Contents(
                time_ns=now(),
                case=case,
                attempt=attempt,
                resource=name,
                present=found is not None,
                size=size,
                text=data.decode("latin-1"),
            )

    def _path(self, probe: Probe, to: str) -> str | None:
        if to == CREATION:
            return self.wire.path
        form, _, name = to.rpartition(FORM)
        url = self.urls.get(_key(probe, name.removeprefix(UNKNOWN)))
        if url is not None and name.startswith(UNKNOWN):
            url = nobodys(self.wire, url)
        return url if url is None or not form else FORMS[form](self.wire, url)

    def _minted(self, probe: Probe, step: Step) -> str | None:
        if self.mint is None or self.wire.minted is None:
            return None
        key = _key(probe, step.to)
        session = f"Minted-{probe.case}-{step.to}-{probe.attempt}"
        usual: dict[str, int | str | bool] = {
            "session": session,
            "size": 11,
            "target": _info(key).target,
            "in_s": LIFETIME_S,
        }
        claims = usual | dict(step.minted or ())
        if claims["size"] == BEYOND:
            claims["size"] = probe.max_size + 1
        if "exp" in claims:
            del claims["in_s"]
        self.urls[key] = self.mint.url(claims)
        return self.urls[key]

    def _filled(self, probe: Probe) -> Fields | None:
        filled: list[tuple[str, str]] = []
        for name, value in probe.what.headers:
            whole = value
            for how, to in _URL.findall(value):
                url = self._path(probe, to)
                if url is None:
                    return None
                told = url if how == "url" else _relative(self.wire, url)
                whole = whole.replace(f"{{{how}:{to}}}", told)
            filled.append((name, self._plain(probe, whole)))
        return tuple(filled)

    def _plain(self, probe: Probe, value: str) -> str:
        if "{metadata}" in value:
            key = _key(probe, probe.what.creates or "")
            info = _info(key, _target(key, probe.what.publishes))
            value = value.replace("{metadata}", metadata(self.wire, info))
        for name in _METADATA_OF.findall(value):
            info = _info(_key(probe, name))
            value = value.replace(f"{{metadata-of:{name}}}", metadata(self.wire, info))
        if "{metadata:own}" in value:
            info = UploadInfo(id=self.own, size=0, target=self.own)
            value = value.replace("{metadata:own}", metadata(self.wire, info))
        value = value.replace("{max}", str(probe.max_size))
        return value.replace(BEYOND, str(probe.max_size + 1))


def _sent(probe: Probe, head: Head | None) -> ProbeSent:
    """What the history records of a request; unfilled where it could not be sent."""
    step = probe.what
    return ProbeSent(
        case=probe.case,
        step=probe.step,
        attempt=probe.attempt,
        method=step.method,
        to=step.to,
        headers=step.headers if head is None else head.headers,
        body=None if step.body is None else step.body.decode("latin-1"),
        framing=step.framing,
        strict=probe.strict,
        chapter=probe.chapter,
    )


def _with(fields: Fields, more: Mapping[str, str]) -> Fields:
    """The headers of a step, and what its target is told besides.

    The step has the last word, also where it shows nothing: an empty Authorization is left out.
    """
    named = {name.lower() for name, _ in fields}
    added = ((name, value) for name, value in more.items() if name.lower() not in named)
    kept = (field for field in fields if field[0].lower() != "authorization" or field[1])
    return (*kept, *added)


def own_name(internal: Iterable[str]) -> str:
    """A name among the target's own files, as its patterns tell; one outside the root without any."""
    for pattern in internal:
        directory = pattern.partition("*")[0].rstrip("/")
        if directory:
            return f"{directory}/patchstorm-was-here"
    return ".."


def nobodys(wire: Wire, url: str) -> str:
    """A URL of the same shape that no upload has: the last letters and digits of its name changed."""
    path, mark, query = url.partition("?")
    name = wire.id.partition(":")[0] + "="
    pairs = query.split("&")
    if wire.id == "path" or not any(pair.startswith(name) for pair in pairs):
        return _changed(path.rstrip("/")) + mark + query
    return path + mark + "&".join(_changed(one) if one.startswith(name) else one for one in pairs)


def _changed(text: str) -> str:
    """Each of the last letters and digits by the next of its kind, so that a hexadecimal stays one."""
    letters = list(text)
    left = _CHANGED
    for at in range(len(letters) - 1, -1, -1):
        if not left or letters[at] in "/=":
            break
        for alphabet in _ALPHABETS:
            if letters[at] in alphabet:
                letters[at] = alphabet[(alphabet.index(letters[at]) + 1) % len(alphabet)]
                left -= 1
                break
    return "".join(letters)


def _key(probe: Probe, name: str) -> Key:
    return probe.case, probe.attempt, name


def _relative(wire: Wire, url: str) -> str:
    """The URL as a reference from the creation URL (RFC 3986, 5.2), where it lies beside it or below."""
    return url.removeprefix(wire.path.rpartition("/")[0] + "/")


def _target(key: Key, publishes: str | None) -> str:
    """The name of a resource's file: another for each attempt, since an earlier one may be there."""
    case, attempt, name = key
    if publishes is None:
        return f"{case}-{name}-{attempt}.bin"
    return f"again-{attempt}/{publishes}" if attempt else publishes


def _info(key: Key, target: str | None = None) -> UploadInfo:
    """What a resource asks to be called."""
    target = target or _target(key, None)
    return UploadInfo(id=target, size=0, target=target)
