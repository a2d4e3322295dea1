"""What a target claims beyond tus: the reference keeps it, and whoever breaks a rule of it is told so."""

from __future__ import annotations

import dataclasses
import json
import time
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import pytest

from chunkstore.config import Creation
from patchstorm.check.model import Judgement
from patchstorm.dialect.tus.conformance import RULES, contract, exact, lengths, minted, names
from patchstorm.dialect.tus.minting import showing
from sampled import one_in

from .asking import SECRET, ask, broken
from .reference import CLAIMS, SETTINGS, WIRE, Reference
from .tiny import Asked, Said, Spoil, Tiny, untouched
from .wrong import When, answered, created, when


def _forged(asked: Asked, said: Said) -> bool:
    return said.status == 401 and asked.method == "HEAD"


def _status(asked: Asked, said: Said) -> bool:
    return "/status" in asked.path


def _proxied(asked: Asked, said: Said) -> bool:
    return said.status == 201 and asked.get("x-forwarded-host") is not None


def _minted(asked: Asked) -> str:
    """The session of a minted token, or nothing."""
    payload = asked.path.partition("token=")[2].split(".")[1:2]
    raw = urlsafe_b64decode(payload[0] + "===") if payload and payload[0] else b"{}"
    claims = json.loads(raw) if raw.startswith(b"{") else {}
    session = str(claims.get("session", ""))
    if not session.startswith("Minted-"):
        return ""
    return session + (" soon" if claims["exp"] < time.time() + 1_000 else "")


def _of(case: str) -> When:
    return lambda asked, said: _minted(asked).startswith(f"Minted-{case}")


def _untouched_head(asked: Asked, said: Said) -> bool:
    return asked.method == "HEAD" and said.headers.get("upload-offset") == "0"


WRONG: dict[str, Spoil] = {
    "names.inside": when(answered(400, "POST"), 201, location="/upload?token=x"),
    "names.taken-over": when(created, 400),
    "names.optional": when(
        lambda asked, said: asked.method == "POST" and asked.get("upload-metadata") is None,
        400,
        content_type="application/problem+json",
    ),
    "names.owned": when(answered(409, "POST"), 201, location="/upload?token=x"),
    "signed.refused": when(_forged, 200, upload_offset="0", upload_length="11"),
    "signed.untouched": when(_untouched_head, upload_offset="5"),
    "http.challenge": when(answered(401), www_authenticate=None),
    "status.document": when(_status, content_type="text/html"),
    "status.read-only": when(answered(405), allow="POST"),
    "status.unknown": when(lambda asked, said: "/nothing" in asked.path, 200),
    "proxy.origin": when(_proxied, location="http://127.0.0.1/upload?token=x"),
    "proxy.checked": when(_proxied, location="http://evil/upload?token=x"),
    "proxy.forwarded": when(
        lambda asked, said: said.status == 201 and asked.get("forwarded") is not None,
        location="https://192.0.2.1/upload?token=x",
    ),
    "proxy.host": when(
        lambda asked, said: said.status == 201 and asked.get("host") is not None,
        location="/upload?token=x",
    ),
    "length.settled": when(
        lambda asked, said: asked.get("upload-length") == "12", 204, upload_offset="5"
    ),
    "length.past-end": when(answered(413, "PATCH"), 400),
    "length.offset-outside": when(answered(409, "PATCH"), 413),
    "exact.two-offsets": when(
        lambda asked, said: len(asked.headers.get("upload-offset", [])) == 2, 204, upload_offset="5"
    ),
    "exact.encoded": when(
        lambda asked, said: asked.get("content-encoding") == "gzip", 204, upload_offset="5"
    ),
    "exact.stored": when(_untouched_head, upload_offset="5"),
    "minted.served": when(_of("minted-head"), 404),
    "minted.refused": when(_of("minted-bad-negative"), 200, upload_offset="0"),
    "minted.too-large": when(_of("minted-large"), 400),
    "minted.one": when(_of("minted-other-size"), 200, upload_offset="0"),
    "minted.algorithm": when(_of("minted-signed-hs512"), 200, upload_offset="0"),
    "minted.longer": when(lambda asked, said: _minted(asked).endswith(" soon"), 409),
    "minted.ended": when(_of("minted-expired"), 200, upload_offset="0"),
    "minted.taken": when(_of("minted-taken"), 200, upload_offset="0"),
    "creation.closed": when(answered(403, "POST"), 201, location="/upload?token=x"),
    "creation.admitted": when(created, 401, www_authenticate="Bearer"),
    "creation.stranger": when(answered(401, "POST"), 403),
    "problem.type": when(lambda asked, said: said.status >= 400, content_type="text/plain"),
    "limit.announced": when(
        lambda asked, said: said.status == 201 and asked.get("upload-length") == str(1 << 40), 413
    ),
}


CREATIONS: dict[str, Creation] = {
    "creation.closed": "off",
    "creation.admitted": "bearer",
    "creation.stranger": "bearer",
}
"""Rules that hold where not everybody may create uploads."""


def asked_of(
    root: Path,
    spoil: Spoil = untouched,
    creation: Creation = "on",
    chapter: str = "contract",
    strict: bool = False,
) -> Judgement:
    settings = dataclasses.replace(SETTINGS, creation=creation, creation_secret=SECRET)
    server = Reference(root, spoil, settings=settings)
    if creation == "on":
        return ask(server, capabilities=CLAIMS, chapter=chapter, wire=WIRE, strict=strict)
    claims = (*CLAIMS, f"creation-{creation}")
    if creation == "off":
        return ask(
            server, capabilities=tuple(set(claims) - {"creation"}), chapter=chapter, wire=WIRE
        )
    return ask(server, capabilities=claims, chapter=chapter, wire=showing(WIRE, SECRET))


def test_the_reference_keeps_what_it_claims(tmp_path: Path) -> None:
    judgement = asked_of(tmp_path)

    assert broken(judgement) == set()
    assert judgement.verdict == "safe", judgement.unknown
    assert not any("skipped" in note and "name-" in note for note in judgement.notes)


def test_it_keeps_what_is_only_recommended_too(tmp_path: Path) -> None:
    judgement = asked_of(tmp_path, strict=True)

    assert broken(judgement) == set()
    assert judgement.verdict == "safe", judgement.unknown


@pytest.mark.parametrize("creation", ["on", "bearer", "off"])
def test_so_it_does_whoever_may_create(creation: Creation, tmp_path: Path) -> None:
    judgement = asked_of(tmp_path, creation=creation, chapter="minted")

    assert broken(judgement) == set()
    assert judgement.verdict == "safe", judgement.unknown
    assert any("0 not" in note for note in judgement.notes)


def test_every_rule_has_its_wrong_server() -> None:
    rules = (*contract.RULES, *names.RULES, *lengths.RULES, *exact.RULES, *minted.RULES)
    assert {*WRONG, names.FOLLOWED.name} == {rule.name for rule in rules}


@pytest.mark.parametrize("name", one_in(2, WRONG))
def test_whoever_breaks_a_rule_is_told_so(name: str, tmp_path: Path) -> None:
    chapter = "minted" if name in {rule.name for rule in minted.RULES} else "contract"
    judgement = asked_of(tmp_path, WRONG[name], CREATIONS.get(name, "on"), chapter)

    assert name in broken(judgement)
    assert judgement.verdict == "violated" or RULES[name].level != "must"


class Trusting(Reference):
    """Correct but for a memory of true tokens: what is ``like`` one of them is taken for it."""

    like: Callable[[str], str]

    def serve(self, asked: Asked) -> Said:
        token = asked.path.partition("token=")[2]
        known = TRUE_TOKENS.get(type(self).like(token))
        if known is not None:
            asked = dataclasses.replace(asked, path=asked.path.replace(token, known))
        said = super().serve(asked)
        if said.status < 300 and token:
            TRUE_TOKENS.setdefault(type(self).like(token), token)
        return said


TRUE_TOKENS: dict[str, str] = {}


@pytest.mark.parametrize(
    "like",
    [
        lambda token: ".".join(token.split(".")[1:2]),
        lambda token: ".".join(token.split(".")[2:3]),
        lambda token: token[:200],
    ],
    ids=["payload", "signature", "prefix"],
)
def test_who_trusts_what_is_like_a_token_that_was_true_is_told_so(
    like: Callable[[str], str], tmp_path: Path
) -> None:
    TRUE_TOKENS.clear()
    trusting = type("Trusting", (Trusting,), {"like": staticmethod(like)})
    judgement = ask(trusting(tmp_path), capabilities=CLAIMS, chapter="contract", wire=WIRE)

    assert "signed.refused" in broken(judgement)
    told = [one for one in judgement.findings if one.summary.startswith("signed.refused")]
    assert "has just been served" in told[0].summary


def test_who_fails_over_a_secret_that_is_not_of_ascii_is_told_so(tmp_path: Path) -> None:
    foreign = when(lambda asked, said: "\xe9" in (asked.get("authorization") or ""), 500)
    judgement = asked_of(tmp_path, foreign, "bearer", "minted")

    assert "creation.stranger" in broken(judgement)
    assert judgement.verdict == "violated"


class Renaming(Reference):
    """Correct but for the names of its files, which it changes before it looks at them."""

    change: Callable[[str], str]

    def serve(self, asked: Asked) -> Said:
        told = asked.get("upload-metadata")
        if told is None or not told.startswith("filename "):
            return super().serve(asked)
        value, comma, rest = told.removeprefix("filename ").partition(",")
        name = b64decode(value).decode("utf-8", "surrogateescape")
        changed = b64encode(type(self).change(name).encode("utf-8", "surrogateescape")).decode()
        headers = {**asked.headers, "upload-metadata": [f"filename {changed}{comma}{rest}"]}
        return super().serve(dataclasses.replace(asked, headers=headers))


@pytest.mark.parametrize(
    "change",
    [str.swapcase, lambda name: normalize("NFC", name), lambda name: name.replace(" ", "_")],
    ids=["case", "composed", "blanks"],
)
def test_who_changes_the_name_of_a_file_is_told_so(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    renaming = type("Renaming", (Renaming,), {"change": staticmethod(change)})
    judgement = ask(renaming(tmp_path), capabilities=CLAIMS, chapter="contract", wire=WIRE)

    assert broken(judgement) & {"names.followed", "names.taken-over", "patch.accepted"}
    assert judgement.verdict == "violated"


def test_a_target_that_claims_none_of_it_is_asked_none_of_it() -> None:
    judgement = ask(Tiny(), capabilities=("sequential", "creation"), chapter="contract")

    assert judgement.findings == ()
