"""The pages of failures that a page of many of them links to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from patchstorm.commands.show import PAGE_FILE, write_page
from patchstorm.errors import UsageError


def draw_all(failures: Iterable[tuple[str, Path]], page: Path) -> dict[str, str]:
    """Draw each failure (its name, where it lies) beside itself: by name the address to link to on ``page``.

    One that cannot be drawn is told on standard error.
    """
    drawn = {}
    for name, path in failures:
        try:
            written = write_page(path, path.with_name(PAGE_FILE))
        except UsageError as error:
            sys.stderr.write(f"not drawn: {error}\n")
            continue
        relative = os.path.relpath(written.resolve(), page.resolve().parent)
        drawn[name] = quote(Path(relative).as_posix())
    return drawn
