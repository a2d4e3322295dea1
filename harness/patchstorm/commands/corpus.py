"""``--corpus``: where commands keep what they found and look first, and what they say of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from patchstorm.campaign.corpus import DEFAULT_CORPUS, ENTRY_BYTES_MAX, Corpus
from patchstorm.campaign.failure import read_failure
from patchstorm.errors import UsageError
from patchstorm.report.model import RunReport


def corpus_at(folder: Path | None, *, none: bool) -> Corpus | None:
    """The corpus that was asked for; None where none is wanted. UsageError for what can be none."""
    if none:
        return None
    place = DEFAULT_CORPUS if folder is None else folder
    if place.exists() and not place.is_dir():
        raise UsageError(f"--corpus {place}: is no directory. Give one, or a name that is free.")
    return Corpus(place)


def keep_found(corpus: Corpus | None, reports: Iterable[RunReport]) -> None:
    """Put the failures of ``reports`` in. What cannot be kept is said, and changes no verdict."""
    if corpus is None:
        return
    for run in reports:
        for name in filter(None, (run.failure, *run.others)):
            try:
                if corpus.keep(read_failure(Path(name))) is None:
                    _tell(name, f"it has more than {ENTRY_BYTES_MAX >> 10} KiB")
            except UsageError as error:
                _tell(name, str(error))
            except OSError as error:
                _tell(name, f"{error.filename or corpus.folder}: {error.strerror}")
                return


def _tell(name: str, why: str) -> None:
    sys.stderr.write(f"patchstorm: {name} was not kept in the corpus ({why})\n")
