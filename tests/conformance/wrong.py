"""For each rule a server that breaks it: the small correct one with one kind of answer changed.

``spoil`` sees the request, the right answer and the stored upload, and says what is answered instead.
A few break more rules than the one they stand for; none may leave its own unbroken.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

from .tiny import BASE, EXTENSIONS, TYPE, Asked, Said, Spoil, Stored, Tiny, digest

UNFINISHED = (*EXTENSIONS, "concatenation-unfinished")
When = Callable[[Asked, Said], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    spoil: Spoil
    extensions: tuple[str, ...] = EXTENSIONS
    lifetime_s: float | None = 86_400
    max_size: int | None = 1 << 40
    options: dict[str, Any]


def wrong(
    spoil: Spoil,
    *,
    extensions: tuple[str, ...] = EXTENSIONS,
    max_size: int | None = 1 << 40,
    **options: Any,
) -> Wrong:
    return Wrong(spoil=spoil, extensions=extensions, max_size=max_size, options=options)


def when(condition: When, status: int | None = None, **changed: str | None) -> Spoil:
    """Change the answers for which ``condition`` holds."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        return said.but(status, **changed) if condition(asked, said) else said

    return spoil


def doing(condition: When, act: Callable[[Tiny, Asked, Stored], None]) -> Spoil:
    """Answer rightly and do something wrong beside it."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        if stored is not None and condition(asked, said):
            act(tiny, asked, stored)
        return said

    return spoil


# ---- conditions


def options(asked: Asked, said: Said) -> bool:
    return asked.method == "OPTIONS"


def success(asked: Asked, said: Said) -> bool:
    return asked.method != "OPTIONS" and said.status < 300


def refusal(asked: Asked, said: Said) -> bool:
    return said.status >= 400


def head(asked: Asked, said: Said) -> bool:
    return asked.method == "HEAD" and said.status == 200


def patched(asked: Asked, said: Said) -> bool:
    return asked.method == "PATCH" and said.status == 204


def created(asked: Asked, said: Said) -> bool:
    return asked.method == "POST" and said.status == 201


def answered(status: int, method: str | None = None) -> When:
    return lambda asked, said: said.status == status and method in (None, asked.method)


def carrying(name: str, value: str | None = None) -> When:
    """Requests with a header."""
    return lambda asked, said: asked.get(name) is not None and value in (None, asked.get(name))


def lacking(name: str) -> When:
    return lambda asked, said: asked.get(name) is None and asked.method != "OPTIONS"


def all_of(*conditions: When) -> When:
    return lambda asked, said: all(one(asked, said) for one in conditions)


def not_there(method: str) -> When:
    return answered(404, method)


def bodied(asked: Asked, said: Said) -> bool:
    return asked.method == "POST" and bool(asked.body)


# ---- acts


def store(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    stored.data += asked.body or b"!"


def lose(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    del stored.data[-1:]


def scramble(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    """The last byte that came is stored as another."""
    stored.data[-1:] = b"?" * len(stored.data[-1:])


def swap(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    """A final upload is joined in the order of creation, whatever the list says."""
    if stored.final:
        parts = sorted(stored.parts)
        stored.data = bytearray(b"".join(bytes(tiny.uploads[part].data) for part in parts))


def terminate(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    stored.gone = True


def resize(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    stored.length = int(asked.get("upload-length") or 0)


def overlong(tiny: Tiny, asked: Asked, stored: Stored) -> None:
    stored.data += b"!" * 50


def _raised(asked: Asked, said: Said) -> Said:
    return said.but(upload_offset=str(int(said.headers.get("upload-offset", "0")) + 1))


def ahead(condition: When) -> Spoil:
    """Upload-Offset one too high."""
    return lambda tiny, asked, said, stored: (
        _raised(asked, said) if condition(asked, said) else said
    )


def taken(condition: When, status: int = 204) -> Spoil:
    """Accept and store what has to be refused."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        if said.status < 400 or not condition(asked, said):
            return said
        if stored is None:
            return Said(status=status, headers={"tus-resumable": "1.0.0", "location": "/files/x"})
        stored.data += asked.body
        headers = {"tus-resumable": "1.0.0", "upload-offset": str(len(stored.data))}
        return Said(status=status, headers=headers)

    return spoil


def alive_again(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """What was terminated is found all the same."""
    if stored is None or not stored.gone or said.status != 410:
        return said
    return Said(status=200, headers={
        "tus-resumable": "1.0.0", "cache-control": "no-store", "upload-offset": "0",
        "upload-length": "11",
    })  # fmt: skip


def by_actual_method(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """X-HTTP-Method-Override is obeyed in a POST and nowhere else."""
    if asked.get("x-http-method-override") is None or asked.method == "POST":
        return said
    if stored is not None and asked.method == "DELETE":
        stored.gone = True
    return said.but(204, upload_offset="5" if asked.method == "PATCH" else None)


def same_upload(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if not created(asked, said):
        return said
    return said.but(location=next(iter(tiny.uploads)))


def parts_metadata(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if stored is None or not stored.final or not head(asked, said):
        return said
    return said.but(upload_metadata=tiny.uploads[stored.parts[0]].metadata)


def final_only(name: str, value: str | None) -> Spoil:
    """Change a header in HEADs of final uploads."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        final = stored is not None and stored.final and head(asked, said)
        return said.but(**{name: value}) if final else said

    return spoil


def reversed_parts(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if stored is None or not stored.final or not head(asked, said):
        return said
    return said.but(upload_concat="final;" + " ".join(reversed(stored.parts)))


def moved(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """The bytes of the parts go into the final upload, and are in them no more."""
    if created(asked, said) and stored is not None and stored.final:
        for part in stored.parts:
            tiny.uploads[part].data.clear()
            tiny.uploads[part].length = 0
    return said


def taken_along(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A part that is deleted takes its bytes along out of the final upload."""
    if asked.method == "DELETE" and said.status == 204 and stored is not None:
        for one in tiny.uploads.values():
            if asked.path in one.parts:
                del one.data[: len(stored.data)]
    return said


def length_first(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """The length that a PATCH brings is noted before its offset is looked at."""
    length = asked.get("upload-length")
    if said.status == 409 and length is not None and stored is not None and stored.length is None:
        stored.length = int(length)
    return said


def appended_again(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """What comes with a length is taken wherever it belongs, and the length goes along."""
    if said.status not in (403, 409) or asked.get("upload-length") is None or stored is None:
        return said
    if stored.length is None or len(stored.data) < stored.length:
        return said
    stored.data += asked.body
    stored.length = len(stored.data)
    return Said(status=204, headers={"upload-offset": str(len(stored.data))})


def absolute_parts(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if stored is None or not stored.final or not head(asked, said):
        return said
    return said.but(upload_concat="final;" + " ".join(f"http://h{part}" for part in stored.parts))


def other_order(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if not head(asked, said) or "upload-metadata" not in said.headers:
        return said
    return said.but(upload_metadata=",".join(reversed(said.headers["upload-metadata"].split(","))))


def too_much(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A body past the end is stored to its end, with 204 or 201."""
    if said.status != 413 or not asked.body:
        return said
    if stored is None:
        return taken(answered(413), 201)(tiny, asked, said, None)
    stored.data += asked.body
    return Said(status=204, headers={"tus-resumable": "1.0.0", "upload-offset": "99"})


def cut_counted(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """HEAD after a broken body counts what was announced."""
    if stored is None or not head(asked, said) or bytes(stored.data) != b"hello":
        return said
    return said.but(upload_offset="11")


def cut_lost(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if stored is None or not head(asked, said) or bytes(stored.data) != b"hello":
        return said
    return said.but(upload_offset="0")


def trailer_ignored(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if said.status != 460 or asked.get("trailer") is None or stored is None:
        return said
    stored.data += asked.body
    return said.but(204, upload_offset=str(len(stored.data)))


def long_past(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if "upload-expires" not in said.headers:
        return said
    return said.but(upload_expires="Wed, 25 Jun 2014 16:00:00 GMT")


def finished_grows(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    full = stored is not None and stored.length is not None and len(stored.data) == stored.length
    return said.but(500) if full and asked.method == "PATCH" and said.status == 413 else said


def unlike_201(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    return said.but(upload_offset=None) if bodied(asked, said) and said.status == 201 else said


def nothing_kept(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    if not bodied(asked, said) or said.status != 201 or stored is None:
        return said
    stored.data.clear()
    return said.but(upload_offset="0")


def silent(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said | None:
    """A very long number ends the connection."""
    return None if len(asked.get("upload-length") or "") > 20 else said


def never_joined(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    return final_only("upload_offset", "0")(tiny, asked, said, stored)


def all_ended(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """DELETE of the creation URL ends all uploads, and is refused afterwards."""
    if asked.method == "DELETE" and asked.path == BASE:
        for one in tiny.uploads.values():
            one.gone = True
    return said


def appended_to_all(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A PATCH of the creation URL is refused, and its bytes go to all uploads of that offset."""
    if asked.method == "PATCH" and asked.path == BASE:
        for one in tiny.uploads.values():
            if str(len(one.data)) == asked.get("upload-offset"):
                one.data += asked.body
    return said


def by_metadata(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """An upload is known by its length and metadata: who asks for another of that kind gets the first."""
    if not created(asked, said) or stored is None:
        return said
    for path, other in tiny.uploads.items():
        if (other.length, other.metadata) == (stored.length, stored.metadata):
            return said.but(location=path)
    return said


def one_file(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """Two uploads with URLs of their own, and one file of the name that the metadata gives."""
    if created(asked, said) and stored is not None:
        for other in tiny.uploads.values():
            if (other.length, other.metadata) == (stored.length, stored.metadata):
                stored.data = other.data
                break
    return said


def forgetful_alike(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A second creation of equal metadata starts the first one anew."""
    if created(asked, said) and stored is not None:
        for other in tiny.uploads.values():
            if other is not stored and other.metadata == stored.metadata:
                other.data.clear()
    return said


def body_of_final(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """The body of a final upload's creation stands in it, in front of its parts."""
    if asked.method != "POST" or not asked.body or not _joins(asked, said):
        return said
    bare = replace(asked, body=b"", headers={**asked.headers, "content-type": []})
    answer = tiny.serve(bare)
    assert answer is not None
    made = tiny.uploads[answer.headers["location"]]
    made.data[: len(asked.body)] = asked.body
    return answer


def sum_unchecked(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """Parts may exceed the maximum together."""
    if said.status != 413 or not _joins(asked, said):
        return said
    most, tiny.max_size = tiny.max_size, None
    answer = tiny.serve(asked)
    tiny.max_size = most
    assert answer is not None
    return answer


def normalised(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said | None:
    """The name is decoded and joined to the directory of the uploads: ``nobody/../x`` is x."""
    path = normpath(unquote(asked.path).rstrip("\0"))
    if path == asked.path or path not in tiny.uploads:
        return said
    return tiny.serve(replace(asked, path=path))


def part_at_large(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said | None:
    """What a part's URL names is read from the disk and joined, whatever it is."""
    if not _joins(asked, said) or "etc%" not in (asked.get("upload-concat") or ""):
        return said
    return Said(status=201, headers={"tus-resumable": "1.0.0", "location": f"{BASE}/passwd"})


def _retold(tiny: Tiny, asked: Asked, **changed: str) -> Said:
    """The answer to the request with some of its headers changed."""
    headers = {**asked.headers, **{name.replace("_", "-"): [new] for name, new in changed.items()}}
    answer = tiny.serve(replace(asked, headers=headers))
    assert answer is not None
    return answer


def _reading(read: Callable[[str], int]) -> Spoil:
    """Numbers are whatever ``read`` takes for one."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        for name in ("upload-length", "upload-offset"):
            text = asked.get(name)
            if said.status != 400 or text is None or text.isdigit():
                continue
            with suppress(ValueError):
                if (number := read(text.encode("latin-1").decode())) >= 0:
                    return _retold(tiny, asked, **{name: str(number)})
        return said

    return spoil


read_as_source = _reading(int)
"""Numbers are what Python's ``int`` takes: 1_1, +5, digits of all scripts."""
signs_read = _reading(lambda text: int(text, 16) if text.startswith("0x") else -1)


def finished_welcomes(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A PATCH of a complete upload before its end is answered 204 with the offset that it has."""
    if said.status != 409 or stored is None or len(stored.data) != stored.length:
        return said
    return said.but(204, upload_offset=str(stored.length))


def floating(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """Lengths are kept as doubles."""
    length = said.headers.get("upload-length")
    return said if length is None else said.but(upload_length=str(int(float(length))))


def length_before_sum(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """The length that a PATCH brings is noted before its checksum is looked at."""
    if said.status == 460 and stored is not None and asked.get("upload-length") is not None:
        stored.length = int(asked.get("upload-length") or 0)
    return said


def blank_unverified(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """An empty Upload-Checksum is none."""
    if said.status != 400 or asked.get("upload-checksum") != "" or stored is None:
        return said
    stored.data += asked.body
    return said.but(204, upload_offset=str(len(stored.data)))


def _trusting(enough: Callable[[str, bytes, bytes], bool]) -> Spoil:
    """A checksum is right where ``enough`` says so of its algorithm, the digest sent and the true one."""

    def spoil(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
        if said.status != 460 or stored is None:
            return said
        algorithm, _, value = (asked.get("upload-checksum") or "").partition(" ")
        if not enough(algorithm, base64.b64decode(value), digest(algorithm, asked.body)):
            return said
        stored.data += asked.body
        return said.but(204, upload_offset=str(len(stored.data)))

    return spoil


first_bytes_of_sum = _trusting(lambda algorithm, sent, true: sent[:8] == true[:8])
sums_of_one_kind = _trusting(lambda algorithm, sent, true: algorithm != "sha1")


def _named_parts(asked: Asked) -> list[str]:
    return (asked.get("upload-concat") or "").partition(";")[2].split()


def inherited(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A final upload that has no metadata of its own has those of its first part."""
    if stored is None or not stored.final or stored.metadata is not None or not head(asked, said):
        return said
    return said.but(upload_metadata=tiny.uploads[stored.parts[0]].metadata)


def named_once(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A part that is named twice is joined once."""
    if stored is not None and stored.final and created(asked, said):
        parts = dict.fromkeys(stored.parts)
        stored.data = bytearray(b"".join(bytes(tiny.uploads[part].data) for part in parts))
        stored.length = len(stored.data)
    return said


def alike_fails(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """A second creation of equal metadata ends in a violated constraint that nobody maps to 4xx."""
    others = (one.metadata for one in tiny.uploads.values() if one is not stored)
    return said.but(500) if created(asked, said) and stored and stored.metadata in others else said


_deferred = all_of(head, lambda asked, said: "upload-defer-length" in said.headers)
_settled = all_of(head, lambda asked, said: "upload-length" in said.headers)
_bad_length = all_of(answered(400, "POST"), carrying("upload-length"))
_bad_metadata = all_of(answered(400, "POST"), carrying("upload-metadata"))
_changes_length = all_of(answered(400, "PATCH"), carrying("upload-length"))
_summed = carrying("upload-checksum")
_framed = lambda asked, said: said.status == 400 and bool(asked.lengths)  # noqa: E731
_both = lambda asked, said: asked.chunked and bool(asked.lengths)  # noqa: E731
_chunked = lambda asked, said: asked.chunked and asked.method == "PATCH" and not asked.lengths  # noqa: E731
_empty = lambda asked, said: asked.method == "PATCH" and not asked.body  # noqa: E731
_expects = carrying("expect")
_tells_capitals = lambda asked, said: "MAX" in said.headers.get("upload-metadata", "")  # noqa: E731
_repeated = lambda asked, said: len(asked.headers.get("upload-offset", [])) > 1  # noqa: E731
_of_names = lambda asked, said: "aHR0cC1uYW1lcy" in (asked.get("upload-metadata") or "")  # noqa: E731
_collection = lambda asked, said: asked.path == BASE and asked.method in ("PATCH", "HEAD", "DELETE")  # noqa: E731
_joins = lambda asked, said: (asked.get("upload-concat") or "").startswith("final")  # noqa: E731
_bare_type = all_of(  # a creation that says a type and has no body of it
    created, lambda asked, said: not asked.body and asked.get("content-type") not in (None, TYPE)
)
_before_its_end = lambda asked, said: asked.get("upload-offset") == "6"  # noqa: E731
_twice_the_same = lambda asked, said: (  # noqa: E731
    _joins(asked, said) and len(set(_named_parts(asked))) < len(_named_parts(asked))
)
_climbing = lambda asked, said: "etc%" in asked.path  # noqa: E731
_large = lambda asked, said: len(asked.get("upload-metadata") or "") > 50_000  # noqa: E731
_long = lambda asked, said: len(asked.get("upload-length") or "") > 12  # noqa: E731

WRONG: dict[str, Wrong] = {
    # every answer
    "resumable.success": wrong(when(success, tus_resumable=None)),
    "resumable.refusal": wrong(when(refusal, tus_resumable=None)),
    "offset.number": wrong(when(patched, upload_offset="5.0")),
    "length.number": wrong(when(head, upload_length="eleven")),
    "expires.date": wrong(when(created, upload_expires="2026-01-01T00:00:00Z")),
    "head.offset": wrong(when(head, upload_offset=None)),
    "head.length": wrong(when(_settled, upload_length=None)),
    "head.no-store": wrong(when(head, cache_control="no-cache")),
    "patch.status": wrong(when(patched, 200)),
    "patch.offset": wrong(when(patched, upload_offset=None)),
    "version.told": wrong(when(answered(412), tus_version=None)),
    "http.allow": wrong(when(answered(405), allow=None), chapter="http"),
    "http.server-error": wrong(when(answered(415), 500)),
    "http.answered": wrong(silent, chapter="creation"),
    # core
    "options.status": wrong(when(options, 404)),
    "options.version": wrong(when(options, tus_version="0.2.2")),
    "options.extension": wrong(when(options, tus_extension="")),
    "options.max-size": wrong(when(options, tus_max_size="unlimited")),
    "options.ignores-version": wrong(when(all_of(options, carrying("tus-resumable")), 412)),
    "options.announces": wrong(
        when(options, tus_extension="checksum,termination"), capabilities=("sequential", "creation")
    ),
    "version.refused": wrong(when(answered(412), 400)),
    "version.unprocessed": wrong(doing(answered(412, "PATCH"), store)),
    "version.missing": wrong(when(lacking("tus-resumable"), 500)),
    "head.zero": wrong(ahead(head)),
    "head.true": wrong(
        when(all_of(head, lambda a, s: s.headers.get("upload-offset") == "3"), upload_offset="2")
    ),
    "head.complete": wrong(
        when(all_of(head, lambda a, s: s.headers.get("upload-offset") == "11"), upload_offset="10")
    ),
    "head.unknown": wrong(when(not_there("HEAD"), 400)),
    "head.unknown-offset": wrong(when(not_there("HEAD"), upload_offset="0")),
    "patch.accepted": wrong(when(patched, 403, upload_offset=None)),
    "patch.sum": wrong(ahead(patched)),
    "patch.bytes": wrong(doing(patched, scramble)),
    "patch.content-type": wrong(when(answered(415, "PATCH"), 400)),
    "patch.mismatch": wrong(when(answered(409), 400)),
    "patch.unmodified": wrong(doing(answered(409), store)),
    "patch.offset-invalid": wrong(taken(all_of(answered(400, "PATCH"), lacking("upload-length")))),
    "patch.unknown": wrong(when(not_there("PATCH"), 400)),
    "number.sign": wrong(signs_read),
    "patch.past-end": wrong(when(answered(413, "PATCH"), 507)),
    "patch.bounded": wrong(too_much),
    "patch.finished": wrong(finished_grows),
    "patch.empty": wrong(when(_empty, 500)),
    "patch.cut": wrong(cut_counted),
    "patch.kept": wrong(cut_lost),
    "patch.refused-unmodified": wrong(doing(answered(415, "PATCH"), store)),
    "patch.mismatch-offset": wrong(when(answered(409), upload_offset="1")),
    "collection.closed": wrong(when(_collection, 200)),
    "collection.unharmed": wrong(all_ended),
    "length.kept": wrong(doing(_changes_length, resize)),
    "override.obeyed": wrong(when(carrying("x-http-method-override"), 405)),
    "override.wins": wrong(by_actual_method),
    # creation
    "creation.status": wrong(when(created, 200)),
    "creation.location": wrong(when(created, location=None)),
    "creation.new": wrong(same_upload),
    "creation.independent": wrong(by_metadata),
    "creation.alike": wrong(alike_fails),
    "creation.content-type": wrong(when(_bare_type, 415)),
    "creation.length-missing": wrong(
        taken(all_of(answered(400, "POST"), lacking("upload-concat")), 201)
    ),
    "creation.length-invalid": wrong(taken(_bad_length, 201)),
    "creation.zero": wrong(when(carrying("upload-length", "0"), 400)),
    "creation.too-large": wrong(when(answered(413, "POST"), 400)),
    "options.max-size-told": wrong(when(options, tus_max_size=None)),
    "creation.large": wrong(when(_long, 500)),
    "creation.large-told": wrong(floating, max_size=None),
    "metadata.taken": wrong(when(all_of(created, lacking("upload-concat")), 500)),
    "metadata.told": wrong(when(head, upload_metadata=None)),
    "metadata.literal": wrong(other_order),
    "metadata.malformed": wrong(when(_bad_metadata, 500)),
    "defer.created": wrong(when(carrying("upload-defer-length", "1"), 400)),
    "defer.told": wrong(when(_deferred, upload_defer_length=None)),
    "defer.no-length": wrong(when(_deferred, upload_length="0")),
    "defer.settled": wrong(when(_settled, upload_length=None)),
    "defer.omitted": wrong(when(_settled, upload_defer_length="1")),
    "defer.immutable": wrong(doing(_changes_length, resize)),
    "defer.change-refused": wrong(when(_changes_length, 204, upload_offset="8")),
    "defer.value": wrong(when(all_of(refusal, carrying("upload-defer-length")), 422)),
    "defer.untouched": wrong(length_first),
    "defer.again": wrong(appended_again),
    "defer.too-short": wrong(when(_changes_length, 500)),
    "max.named": wrong(taken(all_of(answered(413, "PATCH"), carrying("upload-length")))),
    "max.named-status": wrong(when(all_of(answered(413, "PATCH"), carrying("upload-length")), 400)),
    "max.grown": wrong(taken(all_of(answered(413, "PATCH"), lacking("upload-length"))), max_size=100),
    "max.final": wrong(taken(all_of(answered(413, "POST"), _joins), 201), max_size=100),
    "creation.unsupported": wrong(
        when(all_of(refusal, carrying("upload-concat")), 500),
        extensions=("creation",), chapter="concatenation",
    ),
    "with-upload.offset": wrong(unlike_201),
    "with-upload.accepts": wrong(nothing_kept),
    "with-upload.none": wrong(
        when(lambda asked, said: created(asked, said) and not asked.body, upload_offset=None)
    ),
    "with-upload.content-type": wrong(when(all_of(bodied, answered(415)), 500)),
    "with-upload.past-end": wrong(when(all_of(bodied, answered(413)), 500)),
    # expiration
    "expires.patch": wrong(when(patched, upload_expires=None)),
    "expires.post": Wrong(
        spoil=when(created, upload_expires=None), lifetime_s=1,
        options={"lifetime": True, "chapter": "expiration"},
    ),
    "expires.future": wrong(long_past),
    "expires.gone": Wrong(
        spoil=when(answered(410), 403), lifetime_s=1,
        options={"lifetime": True, "chapter": "expiration"},
    ),
    # checksum
    "checksum.algorithms": wrong(when(options, tus_checksum_algorithm="md5")),
    "checksum.names": wrong(when(options, tus_checksum_algorithm="sha1,SHA256")),
    "checksum.match": wrong(when(all_of(_summed, patched), 460, upload_offset=None)),
    "checksum.verified": wrong(taken(answered(460))),
    "checksum.discarded": wrong(doing(answered(460), store)),
    "checksum.mismatch": wrong(when(answered(460), 400)),
    "checksum.unknown-algorithm": wrong(when(all_of(_summed, answered(400)), 460)),
    "checksum.malformed": wrong(when(all_of(_summed, refusal), 422)),
    "checksum.empty": wrong(when(all_of(_summed, _empty), 500)),
    "checksum.creation": wrong(when(all_of(_summed, bodied), 500)),
    "checksum.trailer": wrong(trailer_ignored),
    # termination
    "termination.status": wrong(when(answered(204, "DELETE"), 200)),
    "termination.dead": wrong(alive_again),
    "termination.gone": wrong(when(answered(410), 403)),
    "termination.no-offset": wrong(when(answered(410, "HEAD"), upload_offset="0")),
    "termination.unknown": wrong(when(not_there("DELETE"), 500)),
    "termination.unsupported": wrong(
        when(answered(405, "DELETE"), 500), extensions=("creation",), chapter="termination"
    ),
    "termination.unharmed": wrong(
        doing(answered(405, "DELETE"), lose), extensions=("creation",), chapter="termination"
    ),
    # concatenation
    "concat.partial": wrong(when(carrying("upload-concat", "partial"), 400)),
    "concat.partial-told": wrong(when(head, upload_concat=None)),
    "concat.final": wrong(
        when(lambda a, s: (a.get("upload-concat") or "").startswith("final"), 400)
    ),
    "concat.final-told": wrong(reversed_parts),
    "concat.final-literal": wrong(absolute_parts),
    "concat.sum": wrong(final_only("upload_length", "10")),
    "concat.order": wrong(doing(created, swap)),
    "concat.patch-final": wrong(when(answered(403, "PATCH"), 400)),
    "concat.closed-first": wrong(when(all_of(answered(403, "PATCH"), _before_its_end), 409)),
    "concat.repeated": wrong(when(_twice_the_same, 500)),
    "concat.unmodified": wrong(doing(answered(403, "PATCH"), store)),
    "concat.metadata": wrong(parts_metadata),
    "concat.own-metadata": wrong(final_only("upload_metadata", None)),
    "concat.unfinished": wrong(never_joined, extensions=UNFINISHED),
    "concat.unfinished-told": wrong(
        taken(all_of(answered(400, "POST"), carrying("upload-concat")), 201)
    ),
    "concat.unknown": wrong(when(all_of(answered(400, "POST"), carrying("upload-concat")), 500)),
    "concat.final-length": wrong(
        when(all_of(answered(400, "POST"), carrying("upload-length", "99")), 500)
    ),
    "concat.final-body": wrong(when(all_of(bodied, _joins), 500)),
    "concat.urls": wrong(when(lambda a, s: "final;http:" in (a.get("upload-concat") or ""), 400)),
    "concat.value": wrong(when(carrying("upload-concat", "whole"), 500)),
    "concat.again": wrong(moved),
    "concat.kept": wrong(taken_along),
    # HTTP
    "http.header-names": wrong(when(all_of(created, _of_names), 400)),
    "http.no-length": wrong(when(lambda a, s: a.method == "POST" and not a.lengths, 411)),
    "http.chunked": wrong(when(_chunked, 400)),
    "http.continue": wrong(when(all_of(_expects, patched), 417)),
    "http.continue-refused": wrong(when(all_of(_expects, answered(412)), 204)),
    "http.framing": wrong(when(_framed, 204)),
    "http.both-framings": wrong(when(_both, upload_offset="3")),
    "http.method": wrong(when(answered(405), 200)),
    "http.repeated": wrong(when(_repeated, 500)),
    "http.identity": wrong(when(all_of(carrying("content-encoding", "Identity"), patched), 500)),
    "http.origin": wrong(when(all_of(carrying("origin"), created), 500)),
    "http.after": wrong(doing(_framed, store)),
    "paths.outside": wrong(when(_climbing, 200, upload_offset="0")),
    "paths.refused": wrong(when(_climbing, 500)),
    "paths.one-name": wrong(normalised),
    "paths.part": wrong(part_at_large),
    "http.large-header": wrong(when(_large, 500)),
}  # fmt: skip

ALSO: tuple[tuple[str, Wrong], ...] = (
    ("creation.independent", wrong(one_file)),
    ("creation.independent", wrong(forgetful_alike)),
    ("collection.unharmed", wrong(appended_to_all)),
    ("concat.urls", wrong(when(lambda a, s: "final;files" in (a.get("upload-concat") or ""), 400))),
    ("concat.order", wrong(body_of_final)),
    ("metadata.told", wrong(when(_tells_capitals, upload_metadata="X-NOTE WFhX,MA"))),
    ("patch.mismatch", wrong(when(all_of(_empty, answered(409)), 204, upload_offset="5"))),
    ("patch.mismatch", wrong(finished_welcomes)),
    ("patch.offset-invalid", wrong(read_as_source)),
    ("creation.length-invalid", wrong(read_as_source)),
    ("number.sign", wrong(read_as_source)),
    ("defer.untouched", wrong(length_before_sum)),
    ("checksum.malformed", wrong(blank_unverified)),
    ("checksum.verified", wrong(first_bytes_of_sum)),
    ("checksum.verified", wrong(sums_of_one_kind)),
    ("concat.patch-final", wrong(when(all_of(answered(403, "PATCH"), _before_its_end), 204))),
    ("concat.metadata", wrong(inherited)),
    ("concat.sum", wrong(named_once)),
    ("max.final", wrong(sum_unchecked, max_size=100, extensions=UNFINISHED)),
)
"""Other servers that break a rule, each by another mistake of the same kind."""
