"""All litmus programs, by name."""

from __future__ import annotations

from patchstorm.storage.litmus.contents import CONTENTS
from patchstorm.storage.litmus.crashes import CRASHES, LOST_REPLIES
from patchstorm.storage.litmus.directories import DIRECTORIES
from patchstorm.storage.litmus.locking import LOCKING
from patchstorm.storage.litmus.names import NAMES
from patchstorm.storage.litmus.program import Program
from patchstorm.storage.litmus.sharing import SHARING

PROGRAMS: dict[str, Program] = {
    program.name: program
    for program in (*NAMES, *DIRECTORIES, *CONTENTS, *SHARING, *LOCKING, *CRASHES, *LOST_REPLIES)
}
