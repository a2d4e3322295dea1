"""How a command ends: the exit code, and one message where something did not go as it was meant to.

0 nothing violated, 1 a violation, 2 unknown or a usage error, 130 interrupted. 1 is never the code of
anything that broke.
"""

from __future__ import annotations

import errno
import sys
import traceback
from bdb import BdbQuit
from collections.abc import Callable

import typer

from patchstorm.commands.signals import ended_as_by_ctrl_c
from patchstorm.errors import PatchstormError, UsageError
from patchstorm.legible import legible
from patchstorm.system import lacking

INTERRUPTED = 130
UNKNOWN = 2
_OF_THE_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE,
    errno.EFBIG, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ENOENT,
}  # fmt: skip
"""What the system says when a place of the user's is at fault. Any other refusal is a mistake of ours."""


def code_of(call: Callable[[], object]) -> int:
    """Run a command to whatever end it takes: its exit code, and one message where it did not get there.

    SIGTERM and SIGHUP end it as Ctrl-C does.
    """
    try:
        with ended_as_by_ctrl_c():
            code = call()
    except PatchstormError as error:
        return _refuse(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("interrupted", INTERRUPTED)
    except OSError as error:
        return _refused_by_the_system(error)
    except (SystemExit, BdbQuit) as error:
        return _not_finished(error)
    except MemoryError:
        return _refuse("there is not enough memory for this; nothing was concluded", 2)
    except Exception as error:
        said = getattr(error, "format_message", None)  # the parser's own, in any release of it
        if said is None:
            return _broken(error)
        return _asked_wrongly(error, said())
    return code if isinstance(code, int) else 0


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"patchstorm: {legible(message)}\n")
    return code


def _asked_wrongly(error: Exception, said: str) -> int:
    """What the parser says of a request, in one line, and where help is; help alone if nothing was asked."""
    if type(error).__name__ == "NoArgsIsHelpError":  # its place differs from release to release
        sys.stderr.write(f"{said}\n")
        return UsageError.exit_code
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", None) or "patchstorm"
    said = " ".join(said.split()).rstrip(".")
    return _refuse(f"{said}. `{path} --help` shows what there is.", UsageError.exit_code)


def _refused_by_the_system(error: OSError) -> int:
    """A file of the user's that cannot be read or written is told as such; anything else is our mistake."""
    if error.errno not in _OF_THE_MACHINE:
        return _broken(error)
    where = "" if error.filename is None else f"{error.filename}: "
    return _refuse(
        f"{where}{error.strerror}; nothing was concluded. Give a place that can be written to and has room.",
        2,
    )


def _not_finished(error: BaseException) -> int:
    """The code under test ended the program, or whoever debugs it did: that is no verdict."""
    why = "a debugger was quit" if isinstance(error, BdbQuit) else "something ended the program"
    return _refuse(f"not finished ({why}); nothing was concluded", 2)


def _broken(error: Exception) -> int:
    """A mistake of the harness itself: told in full, and never taken for a violation.

    Unless it is the system that lacks something.
    """
    lacks = lacking(error)
    if lacks is not None:
        return _refuse(lacks, 2)
    traceback.print_exc()
    return _refuse("this is a bug in patchstorm, not in the target; nothing was concluded", 2)
