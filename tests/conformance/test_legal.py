"""What a specification allows is no offence, and who goes further than it allows is told so all the same."""

from __future__ import annotations

import pytest

from patchstorm.dialect.probed import Checked, Probed
from patchstorm.dialect.tus.announced import TusAnnounced
from patchstorm.dialect.tus.probes import nobodys
from patchstorm.dialect.wire import Wire

from .asking import ask, broken
from .tiny import EXTENSIONS, Asked, Said, Spoil, Stored, Tiny
from .wrong import all_of, carrying, created, patched, when

UNTOLD = tuple(name for name in EXTENSIONS if name != "expiration")
CLAIMS = ("sequential", "creation", "expiration")


def test_who_expires_uploads_where_he_is_told_to_need_not_announce_it_elsewhere() -> None:
    assert "options.announces" not in broken(ask(Tiny(extensions=UNTOLD), capabilities=CLAIMS))


def test_who_was_told_to_expire_uploads_has_to_announce_it() -> None:
    judgement = ask(Tiny(extensions=UNTOLD), capabilities=CLAIMS, lifetime=True)

    assert "options.announces" in broken(judgement)


@pytest.mark.parametrize("there", [True, False])
def test_a_check_judges_the_announcement_of_the_server_it_has_tried(there: bool) -> None:
    one = Probed(capability="expiration", does=True, says="gone", announced=there)
    checked = Checked(announced=TusAnnounced(extensions=("creation",)), probed=(one,))

    assert ("expiration" in checked.capabilities(("sequential",))) is there
    assert bool(checked.contradictions) is not there


def moved_away(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """HEAD of a complete upload finds nothing."""
    full = stored is not None and stored.length == len(stored.data)
    return said.but(410) if full and asked.method == "HEAD" else said


def shortened(tiny: Tiny, asked: Asked, said: Said, stored: Stored | None) -> Said:
    """HEAD of a complete final upload is a byte short."""
    full = stored is not None and stored.final and stored.length == len(stored.data)
    return said.but(upload_offset="10") if full and asked.method == "HEAD" else said


AWAY = {"head.true", "concat.sum", "concat.final-told"}


def spoilt(spoil: Spoil, *capabilities: str, **options: str) -> set[str]:
    return broken(ask(Tiny(spoil=spoil), capabilities=("sequential", *capabilities), **options))


def test_complete_uploads_that_were_moved_away_are_no_offence() -> None:
    assert spoilt(moved_away) == set()


def test_who_says_that_they_can_be_asked_for_has_to_answer() -> None:
    assert spoilt(moved_away, "head-after-finish") >= AWAY


def test_nor_may_a_wrong_offset_be_given_where_they_might_have_gone() -> None:
    assert "concat.sum" in spoilt(shortened)


def test_who_settles_the_expiry_with_the_first_patch_has_broken_nothing() -> None:
    late = Tiny(lifetime_s=1, spoil=when(created, upload_expires=None))
    judgement = ask(late, lifetime=True, chapter="expiration", strict=True)

    assert judgement.verdict == "safe"
    assert broken(judgement) == {"expires.post"}


@pytest.mark.parametrize(
    ("wire_id", "url", "other"),
    [
        ("u", "/files/?v=1&u=abc1&sig=a%2Fb%3D", "/files/?v=1&u=bcd2&sig=a%2Fb%3D"),
        ("u", "/files/abc1?sig=x", "/files/bcd2?sig=x"),
        ("path", "/files/abc1?u=2", "/files/bcd2?u=2"),
        ("token:session", "/upload?token=eyJ.e30.c2ln", "/upload?token=eyK.f41.d3mo"),
    ],
)
def test_the_url_of_nobody_differs_where_the_name_stands(
    wire_id: str, url: str, other: str
) -> None:
    assert nobodys(Wire(path="/files", id=wire_id), url) == other


REFUSING = {
    "identity": when(all_of(carrying("content-encoding"), patched), 415),
    "origin": when(carrying("origin"), 403),
}


@pytest.mark.parametrize("name", REFUSING)
def test_what_http_lets_a_server_refuse_is_no_offence(name: str) -> None:
    assert spoilt(REFUSING[name], chapter="http") == set()
