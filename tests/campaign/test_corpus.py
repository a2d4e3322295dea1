"""The corpus: a failure has one name, causes and directories are merged, and its size has a bound."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign import corpus as module
from patchstorm.campaign.corpus import OF_A_CAUSE_MAX, Corpus, cause_of
from patchstorm.campaign.failure import Failure, read_failure


@pytest.fixture(scope="module")
def found(appending_failure: Path) -> Path:
    return appending_failure


@pytest.fixture
def failure(found: Path) -> Failure:
    return read_failure(found)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "failures")


def other(failure: Failure, number: int) -> Failure:
    """A failure of the same cause, as another seed would have found it."""
    return msgspec.structs.replace(
        failure, plan=msgspec.structs.replace(failure.plan, seed=1000 + number)
    )


def otherwise(failure: Failure, said: str) -> Failure:
    """A failure of another cause."""
    first = msgspec.structs.replace(failure.findings[0], summary=said)
    return msgspec.structs.replace(failure, findings=(first,))


def test_what_is_kept_can_be_replayed_and_needs_no_history(
    failure: Failure, corpus: Corpus
) -> None:
    path = corpus.keep(failure)
    assert path is not None and corpus.files() == [path]
    kept = read_failure(path)
    assert kept.history is None
    assert (kept.plan, kept.schedule) == (failure.plan, failure.schedule)
    assert kept.command == f"patchstorm replay {path}"
    assert [one.name for one in corpus.folder.iterdir()] == [path.name]


def test_the_same_failure_has_the_same_name_whoever_finds_it(
    failure: Failure, corpus: Corpus, tmp_path: Path
) -> None:
    maker = failure.made_by
    assert maker is not None
    elsewhere = msgspec.structs.replace(
        failure, made_by=msgspec.structs.replace(maker, python="CPython 3.99.0")
    )
    first, second = corpus.keep(failure), Corpus(tmp_path / "other").keep(elsewhere)
    assert first is not None and second is not None
    assert first.name == second.name


def test_directories_of_two_machines_are_merged_by_copying(
    failure: Failure, corpus: Corpus, tmp_path: Path
) -> None:
    theirs = Corpus(tmp_path / "theirs")
    corpus.keep(failure)
    theirs.keep(failure)
    theirs.keep(otherwise(failure, "something else"))
    shutil.copytree(theirs.folder, corpus.folder, dirs_exist_ok=True)
    assert [path.name for path in corpus.files()] == [path.name for path in theirs.files()]
    assert len({cause_of(path) for path in corpus.files()}) == 2
    assert len(corpus.before("reference:append")["sim", "replaying"]) == 2


def test_numbers_make_no_cause_and_words_do(failure: Failure, corpus: Corpus) -> None:
    said = ("64 bytes in 'b782d6c554eb5b55'", "96 bytes in '515bc8d50b4bd163'", "no bytes in it")
    paths = [corpus.keep(otherwise(failure, one)) for one in said]
    causes = [cause_of(path) for path in paths if path is not None]
    assert causes[0] == causes[1] != causes[2]


def test_names_that_people_gave_make_no_cause_of_different_failures(
    failure: Failure, corpus: Corpus
) -> None:
    for said in ("no bytes in it", "no answer to it"):
        path = corpus.keep(otherwise(failure, said))
        assert path is not None
        path.rename(path.with_name(f"bug-{len(said)}.json"))
    assert len({cause_of(path) for path in corpus.files()}) == 2


def test_the_command_that_is_told_is_one_where_a_path_has_a_space(
    failure: Failure, tmp_path: Path
) -> None:
    path = Corpus(tmp_path / "what failed").keep(failure)
    assert path is not None
    assert shlex.split(read_failure(path).command) == ["patchstorm", "replay", str(path)]


def test_of_a_cause_the_newest_and_the_smallest_stay(failure: Failure, corpus: Corpus) -> None:
    smallest = corpus.keep(failure)
    for number in range(2 * OF_A_CAUSE_MAX):
        newest = corpus.keep(other(failure, number))
        assert newest in corpus.files()
    assert len(corpus.files()) == OF_A_CAUSE_MAX
    assert smallest in corpus.files()


def test_of_all_those_that_failed_last_stay(
    failure: Failure, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 3)
    kept = []
    for place, word in enumerate(("one", "two", "three")):
        path = corpus.keep(otherwise(failure, word))
        assert path is not None
        os.utime(path, (place, place))
        kept.append(path)
    corpus.keep(otherwise(failure, "one"))  # it failed again
    corpus.keep(otherwise(failure, "four"))
    assert kept[0] in corpus.files()
    assert kept[1] not in corpus.files(), "of the others it is the one that failed longest ago"
    assert len(corpus.files()) == 3


def test_what_is_too_large_is_not_kept(
    failure: Failure, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENTRY_BYTES_MAX", 100)
    assert corpus.keep(failure) is None
    assert list(corpus.folder.iterdir()) == []


def test_only_what_was_asked_for_is_tried(failure: Failure, corpus: Corpus) -> None:
    path = corpus.keep(failure)
    plan = failure.plan
    kept = {("sim", "replaying"): (path,)}
    assert corpus.before("reference:append") == kept
    assert corpus.before("reference:append", storage=plan.storage, replicas=plan.replicas) == kept
    assert corpus.before("reference:append", storage="nfs3,nolock") == {}
    assert corpus.before("reference:append", replicas=plan.replicas + 1) == {}
    assert corpus.before("reference") == {}


def test_a_target_of_ones_own_is_the_same_however_it_is_named(
    failure: Failure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = msgspec.structs.replace(failure, target=str(tmp_path / "mine.toml:append"))
    kept = Corpus(Path(".patchstorm/failures"))
    path = kept.keep(mine)
    assert path is not None
    assert str(tmp_path) not in path.read_text(), "it is named relative to the entry"
    for name in ("mine.toml:append", "./mine.toml:append", str(tmp_path / "mine.toml:append")):
        assert kept.before(name) == {("sim", "replaying"): (path,)}
    assert kept.before("mine.toml") == {}


def test_what_cannot_be_read_hinders_nobody(failure: Failure, corpus: Corpus) -> None:
    path = corpus.keep(failure)
    (corpus.folder / "torn.json").write_text("{")
    assert corpus.before("reference:append") == {("sim", "replaying"): (path,)}
