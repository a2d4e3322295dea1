"""Seeds of composed storms: a cover of what met is kept, run first, learnt from, and fails where it fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from patchstorm.campaign import seeds as module
from patchstorm.campaign.corpus import Corpus
from patchstorm.campaign.explore import explore
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.retrying import retry_simulated
from patchstorm.cli import main
from patchstorm.scenario.library import load

INNOCENT, BUG = "innocent:sequential", "bug:published-executable"
SCHEDULES = 12


def searched(corpus: Corpus | None, target: str = INNOCENT, **others: object) -> Explored:
    asked: dict[str, object] = {"seed": 7, "schedules": SCHEDULES, "jobs": 1, **others}
    return explore("composed", target, corpus=corpus, **asked)  # type: ignore[arg-type]


def files(corpus: Corpus) -> list[Path]:
    return sorted((corpus.folder / module.FOLDER).glob("*.json"))


def pairs_of(found: Explored) -> int:
    assert found.table is not None
    return found.table.met


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Explored]:
    """A corpus after one search, and what the search came to."""
    corpus = Corpus(tmp_path_factory.mktemp("grown"))
    return corpus, searched(corpus)


@pytest.fixture
def corpus(grown: tuple[Corpus, Explored], tmp_path: Path) -> Corpus:
    """A copy of that corpus."""
    shutil.copytree(grown[0].folder, tmp_path / "corpus")
    return Corpus(tmp_path / "corpus")


@pytest.mark.slow
def test_seeds_meet_again_what_their_search_met(
    corpus: Corpus, grown: tuple[Corpus, Explored]
) -> None:
    met = pairs_of(grown[1])
    assert 0 < len(files(corpus)) <= SCHEDULES
    again = searched(corpus, schedules=1, seed=8)
    assert pairs_of(again) >= met
    assert again.report.schedules == 1
    said = f"{len(files(grown[0]))} seeds of the corpus were run first, in which {met} pairs met"
    assert any(said in note for note in again.report.notes)


def test_a_search_looks_for_what_its_seeds_have_not_met(corpus: Corpus) -> None:
    after, anew = searched(corpus, seed=8), searched(None, seed=8)
    assert after.report.digest != anew.report.digest
    assert pairs_of(after) > pairs_of(anew)


@pytest.mark.slow
def test_what_was_found_does_not_depend_on_processes(corpus: Corpus, tmp_path: Path) -> None:
    shutil.copytree(corpus.folder, tmp_path / "other")
    one, two = searched(corpus), searched(Corpus(tmp_path / "other"), jobs=2)
    assert one.report.digest == two.report.digest
    assert [path.name for path in files(corpus)] == [
        path.name for path in files(Corpus(tmp_path / "other"))
    ]


def test_without_a_corpus_nothing_is_learnt(grown: tuple[Corpus, Explored]) -> None:
    assert searched(None).report.digest == grown[1].report.digest


def of_a_store_that_got_worse(folder: Path) -> Corpus:
    """Seeds that were safe, of a target that has a bug since."""
    corpus = Corpus(folder)
    searched(corpus, "reference", schedules=6)
    for path in files(corpus):
        named = path.with_name(path.name.replace("reference", "bug-published-executable"))
        named.write_text(path.read_text().replace('"reference"', f'"{BUG}"'))
    return corpus


def test_a_seed_that_is_violated_now_is_the_result(tmp_path: Path) -> None:
    corpus = of_a_store_that_got_worse(tmp_path / "corpus")
    found = searched(corpus, BUG, out_dir=tmp_path, seed=9)
    assert (found.report.verdict, found.report.schedules) == ("violated", 1)
    assert found.report.shrinking_s > 0
    assert found.report.findings[0].checker == "publication"
    assert found.report.notes == (module.REMARK,)
    again = read_failure(found.failures[0])
    assert again.findings and len(found.stories[0]) < 25
    assert again.seed == again.plan.seed == found.report.seed == 7
    assert f"-sim-7-{again.index}" in found.failures[0].parent.name


@pytest.mark.parametrize("asked", [{"storage": "xfs"}, {"replicas": 5}, {"target": "reference"}])
def test_seeds_of_another_search_are_left_alone(corpus: Corpus, asked: dict[str, object]) -> None:
    before = files(corpus)
    found = searched(corpus, **({"schedules": 1} | asked))  # type: ignore[arg-type]
    assert any(note.startswith("0 seeds of the corpus") for note in found.report.notes)
    assert set(before) <= set(files(corpus))


def test_what_cannot_be_read_is_left_alone(corpus: Corpus) -> None:
    first = files(corpus)[0]
    broken = first.rename(first.with_stem(f"{first.stem}0"))  # no name that a new seed can have
    broken.write_text("{")
    found = searched(corpus, schedules=1)
    assert found.report.verdict == "safe" and broken.read_text() == "{"


@pytest.mark.slow
def test_there_is_an_end_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEDS_MAX", 3)
    corpus = Corpus(tmp_path)
    searched(corpus)
    assert len(files(corpus)) == 3
    searched(corpus, seed=8)
    searched(corpus, storage="btrfs")
    assert len(files(corpus)) == 3


def test_what_asks_for_what_is_not_to_be_had_is_passed_over(
    corpus: Corpus, tmp_path: Path, appending_failure: Path
) -> None:
    """It ended the search, whose fault it was not, with exit code 2."""
    seed = files(corpus)[0]
    change(seed, "storage", "mars")
    found = searched(corpus, schedules=1)
    assert found.report.verdict == "safe" and seed.exists()
    entry = corpus.folder / "mine.json"
    entry.write_text(appending_failure.read_text())
    change(entry, "storage", "mars")
    again = retry_simulated([entry], load("replaying"), "reference:append", out_dir=tmp_path)
    assert again is None


def change(path: Path, key: str, value: str) -> None:
    read = json.loads(path.read_text())
    read[key] = read["plan"][key] = value
    path.write_text(json.dumps(read))


def test_few_make_a_cover() -> None:
    a, b, c, d = (("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"))
    among = {1: {a}, 2: {a, b}, 3: {c}, 4: {b, c}, 5: {a, b, c}, 6: {d}}
    assert module._cover({one: frozenset(pairs) for one, pairs in among.items()}) == [5, 6]


def test_the_command_grows_the_corpus_that_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS", raising=False)
    asked = ["explore", "composed", "--target", INNOCENT, "--schedules", "6", "--json"]
    assert main([*asked, "--corpus", str(tmp_path / "mine")]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    kept = files(Corpus(tmp_path / "mine"))
    assert kept and f"{len(kept)} were added" in run["notes"][0]
    seed = read_failure(kept[0])
    assert not seed.findings and seed.target == INNOCENT


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["replay"], 0, "nothing was violated in it when it was kept, and nothing is now"),
        (["show"], 0, ".html"),
        (["pin", "-o", "pinned"], 2, "is a seed, in which nothing was violated"),
        (["shrink", "-o", "small.json"], 2, "so there is nothing to shrink"),
    ],
    ids=lambda asked: asked[0] if isinstance(asked, list) else "",
)
def test_a_seed_is_a_file_like_any_other(
    asked: list[str],
    code: int,
    said: str,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(corpus.folder)
    assert main([*asked[:1], str(files(corpus)[0]), *asked[1:]]) == code
    told = capsys.readouterr()
    assert said in told.out + told.err


def hurried(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> None:
    """Have Ctrl-C come at the ``at``-th call of what seeds use."""
    calls = iter(range(1, 10_000))
    whole = getattr(module, name)

    def call(*given: object, **asked: object) -> object:
        if next(calls) == at:
            raise KeyboardInterrupt
        return whole(*given, **asked)

    monkeypatch.setattr(module, name, call)


def test_who_is_in_a_hurry_among_the_seeds_is_told_what_had_ended(
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = files(corpus)
    assert len(before) > 2
    hurried(monkeypatch, "replayed", 3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS", raising=False)
    asked = ("explore", "composed", "--target", INNOCENT, "--corpus", str(corpus.folder), "--json")
    assert main([*asked, "--schedules", "3", "--jobs", "1"]) == 130
    told = capsys.readouterr()
    (run,) = json.loads(told.out)["runs"]
    assert (run["verdict"], run["schedules"]) == ("unknown", 0)
    assert run["unknown"] == "interrupted before one schedule was through"
    assert any(note.startswith("2 seeds of the corpus were run first") for note in run["notes"])
    assert any(met for *_, met, _ in run["pairs"]["cells"]), "and what met in them"
    assert "interrupted in search 1 of 1" in told.err
    assert files(corpus) == before


def test_a_violated_seed_is_told_also_to_who_will_not_wait_until_it_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = of_a_store_that_got_worse(tmp_path / "corpus")
    hurried(monkeypatch, "shrink", 1)
    found = searched(corpus, BUG, out_dir=tmp_path / "out", seed=9)
    assert found.interrupted and found.report.verdict == "violated"
    (path,) = found.failures
    assert read_failure(path).findings and found.report.story
