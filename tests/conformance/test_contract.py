"""What a target claims beyond tus: the reference keeps it, and whoever breaks a rule of it is told so."""

from __future__ import annotations

import dataclasses
import json
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from chunkstore.config import Creation
from patchstorm.check.model import Judgement
from patchstorm.dialect.tus.conformance import RULES, contract, lengths, minted
from patchstorm.dialect.tus.minting import showing

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
    "proxy.host": when(
        lambda asked, said: said.status == 201 and asked.get("host") is not None,
        location="/upload?token=x",
    ),
    "length.settled": when(
        lambda asked, said: asked.get("upload-length") == "12", 204, upload_offset="5"
    ),
    "length.past-end": when(answered(413, "PATCH"), 400),
    "minted.served": when(_of("minted-head"), 404),
    "minted.refused": when(_of("minted-bad-negative"), 200, upload_offset="0"),
    "minted.too-large": when(_of("minted-large"), 400),
    "minted.one": when(_of("minted-other-size"), 200, upload_offset="0"),
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
    assert set(WRONG) == {rule.name for rule in (*contract.RULES, *lengths.RULES, *minted.RULES)}


@pytest.mark.parametrize("name", WRONG)
def test_whoever_breaks_a_rule_is_told_so(name: str, tmp_path: Path) -> None:
    chapter = "minted" if name in {rule.name for rule in minted.RULES} else "contract"
    judgement = asked_of(tmp_path, WRONG[name], CREATIONS.get(name, "on"), chapter)

    assert name in broken(judgement)
    assert (judgement.verdict == "violated") == (RULES[name].level == "must")


def test_a_target_that_claims_none_of_it_is_asked_none_of_it() -> None:
    judgement = ask(Tiny(), capabilities=("sequential", "creation"), chapter="contract")

    assert judgement.findings == ()
