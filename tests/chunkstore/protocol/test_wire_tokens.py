"""Tokens: what is no token is 400, what the fleet did not sign is 401, and nothing else gets in."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256, sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkstore.errors import BadRequest, BadSignature
from chunkstore.model import Claims
from chunkstore.tokens import mint, verify

SECRET = b"0123456789abcdef0123456789abcdef"
CLAIMS = Claims(session="s-1", size=10, target="dir/name", expires_s=2_000_000_000)


def part(document: object) -> str:
    return raw(json.dumps(document).encode())


def raw(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: object, payload: object, secret: bytes = SECRET) -> str:
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{raw(hmac.digest(secret, text.encode(), sha256))}"


GOOD_HEADER = {"alg": "HS256", "typ": "JWT"}
GOOD = {"session": "s-1", "size": 10, "target": "dir/name", "exp": 2_000_000_000}


@given(
    st.builds(
        Claims,
        session=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", fullmatch=True),
        size=st.integers(0, (1 << 63) - 1),
        target=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
        overwrite=st.booleans(),
        expires_s=st.integers(0, 253_402_300_799),
        created=st.booleans(),
    )
)
def test_what_is_minted_is_verified(claims: Claims) -> None:
    assert verify(mint(claims, SECRET), SECRET) == claims


def test_a_token_made_by_another_library_is_taken() -> None:
    token = signed(GOOD_HEADER, GOOD | {"iat": 1, "iss": "manager", "overwrite": True})
    assert verify(token, SECRET) == Claims(
        session="s-1", size=10, target="dir/name", overwrite=True, expires_s=2_000_000_000
    )


def test_another_fleets_token_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(mint(CLAIMS, SECRET), b"another secret of another fleet!")


@given(st.data())
def test_no_changed_character_survives(data: st.DataObject) -> None:
    token = mint(CLAIMS, SECRET)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABYZabyz0189-_.=+/ \n\x00é"))
    changed = token[:place] + other + token[place + 1 :]
    if changed != token:
        with pytest.raises((BadSignature, BadRequest)):
            verify(changed, SECRET)


def test_a_changed_claim_is_a_bad_signature() -> None:
    header, _, signature = mint(CLAIMS, SECRET).split(".")
    with pytest.raises(BadSignature):
        verify(f"{header}.{part(GOOD | {'size': 11})}.{signature}", SECRET)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS512", "RS256", "hs256", ""])
def test_only_the_pinned_algorithm_counts(algorithm: str) -> None:
    header, payload = part(GOOD_HEADER | {"alg": algorithm}), part(GOOD)
    well_signed = signed(GOOD_HEADER | {"alg": algorithm}, GOOD)
    for token in (f"{header}.{payload}.", well_signed):
        with pytest.raises(BadSignature):
            verify(token, SECRET)


def test_a_longer_digest_does_not_help() -> None:
    text = f"{part(GOOD_HEADER)}.{part(GOOD)}"
    with pytest.raises(BadSignature):
        verify(f"{text}.{raw(hmac.digest(SECRET, text.encode(), sha512))}", SECRET)


def test_a_critical_header_that_nobody_here_understands_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify(signed(GOOD_HEADER | {"crit": ["exp"]}, GOOD), SECRET)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "abc", "a.b", "a.b.c", "a.b.c.d", "!.!.!", "é.é.é", "e30.e30.x" * 4000]
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    with pytest.raises(BadRequest):
        verify(token, SECRET)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": 1 << 63},
        {"size": "10"},
        {"size": 10.5},
        {"size": True},
        {"exp": -1},
        {"exp": 10**15},
        {"exp": None},
        {"session": ""},
        {"session": ".."},
        {"session": "a/b"},
        {"session": "a\0b"},
        {"session": "a" * 129},
        {"target": ""},
        {"target": 7},
        {"overwrite": "yes"},
    ],
)
def test_signed_nonsense_is_malformed_all_the_same(wrong: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        verify(signed(GOOD_HEADER, GOOD | wrong), SECRET)


@pytest.mark.parametrize("missing", ["session", "size", "target", "exp"])
def test_every_claim_is_needed(missing: str) -> None:
    payload = {key: value for key, value in GOOD.items() if key != missing}
    with pytest.raises(BadRequest):
        verify(signed(GOOD_HEADER, payload), SECRET)


def test_a_weak_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        mint(CLAIMS, b"short")


def test_no_refusal_shows_the_token_or_the_secret() -> None:
    token = mint(CLAIMS, SECRET)
    for bad in (token[:-1], token.replace(".", "", 1), token + "x"):
        with pytest.raises((BadRequest, BadSignature)) as caught:
            verify(bad, SECRET)
        told = f"{caught.value.detail} {caught.value.extra} {caught.value}"
        assert token[:20] not in told
        assert SECRET.decode() not in told
