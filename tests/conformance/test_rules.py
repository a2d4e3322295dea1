"""Every rule is broken by its wrong server and by no correct one, and every rule has its wrong server."""

from __future__ import annotations

import pytest

from patchstorm.check.model import Judgement
from patchstorm.dialect.tus.conformance import CASES, RULES, contract, exact, lengths, minted, names

from .asking import ask, broken, chapter_of
from .tiny import EXTENSIONS, Tiny
from .wrong import ALSO, UNFINISHED, WRONG, Wrong

EXPIRING = {"lifetime": True, "chapter": "expiration"}
CORRECT = {
    "everything": Tiny(),
    "joins early": Tiny(extensions=UNFINISHED),
    "little room": Tiny(max_size=100),
    "little room, and joins early": Tiny(max_size=100, extensions=UNFINISHED),
    "creation alone": Tiny(extensions=("creation",), max_size=None, lifetime_s=None),
    "nothing but the core": Tiny(extensions=(), max_size=None, lifetime_s=None),
}


def wronged(name: str, *, strict: bool = False) -> Judgement:
    """What is said of the server that breaks this rule, asked where the rule speaks."""
    return said_of(WRONG[name], name, strict=strict)


def said_of(wrong: Wrong, rule: str, *, strict: bool = False) -> Judgement:
    tiny = Tiny(
        spoil=wrong.spoil, extensions=wrong.extensions, lifetime_s=wrong.lifetime_s,
        max_size=wrong.max_size,
    )  # fmt: skip
    return ask(tiny, **{"chapter": chapter_of(rule), "strict": strict, **wrong.options})


def found(judgement: Judgement) -> set[str]:
    """The rules of its findings."""
    return {finding.summary.partition(":")[0] for finding in judgement.findings}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_server_is_not_accused(name: str, strict: bool) -> None:
    judgement = ask(CORRECT[name], capabilities=("sequential",), strict=strict)

    assert broken(judgement) == set()
    assert judgement.verdict == "safe", judgement.unknown


def test_a_correct_server_whose_uploads_expire_is_not_accused() -> None:
    judgement = ask(Tiny(lifetime_s=1), **EXPIRING)

    assert broken(judgement) == set()
    assert judgement.verdict == "safe", judgement.unknown


def test_no_rule_lacks_its_wrong_server() -> None:
    assert set(WRONG) == set(RULES) - {
        rule.name for module in (contract, names, lengths, exact, minted) for rule in module.RULES
    }


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_server_of_a_rule_breaks_it(name: str) -> None:
    judgement = wronged(name)

    assert name in broken(judgement)
    level = RULES[name].level
    assert (judgement.verdict == "violated") or level != "must"


@pytest.mark.parametrize("at", range(len(ALSO)), ids=[name for name, _ in ALSO])
def test_so_does_who_makes_another_mistake_of_its_kind(at: int) -> None:
    name, wrong = ALSO[at]

    assert name in broken(said_of(wrong, name))


@pytest.mark.parametrize("name", [name for name in WRONG if RULES[name].level == "should"])
def test_a_should_is_a_remark_unless_strictness_is_asked_for(name: str) -> None:
    assert name not in found(wronged(name))
    assert name in found(wronged(name, strict=True))


@pytest.mark.parametrize("name", [name for name in WRONG if RULES[name].level == "open"])
def test_what_is_left_open_is_never_a_violation(name: str) -> None:
    assert name not in found(wronged(name, strict=True))


def test_every_case_asks_something_and_every_extension_has_cases() -> None:
    assert all(any(step.expects for step in case.steps) for case in CASES.values())
    needed = {name for case in CASES.values() for name in case.needs}
    assert set(EXTENSIONS) <= needed
