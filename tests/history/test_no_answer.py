"""An answer that is missing proves that nothing happened only where nothing was sent."""

from patchstorm.history.no_answer import NoAnswer


def test_only_what_was_never_sent_had_no_effect() -> None:
    without = {one for one in NoAnswer if not one.may_have_effect}
    assert without == {NoAnswer.NO_URL, NoAnswer.LOST, NoAnswer.REFUSED, NoAnswer.UNREACHABLE}
