"""Error messages: one line for the user, and the exit code of its kind."""

from __future__ import annotations

import traceback

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from humantrack.config.load import from_hydra
from humantrack.errors import INTERNAL_ERROR, HumantrackError, OutputError
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.terminal import StandardError, kind_of, say


def report_error(error: BaseException, *, debug: bool) -> int:
    """Print one line (and the traceback if asked for) and return the exit code."""
    if debug:
        traceback.print_exception(error, file=StandardError())
    known = explain(error)
    say(f"humantrack: {known}")
    return known.exit_code


def explain(error: BaseException) -> HumantrackError:
    """Any error as one of ours, in one line."""
    known = _known_error(error)
    if known is None:
        what = f"internal error: {type(error).__name__}: {error}"
        known = HumantrackError(what, hint="add debug=true to see where")
        known.exit_code = INTERNAL_ERROR
    return known


def _known_error(error: BaseException) -> HumantrackError | None:
    """The error as one of ours, if it is one that a user can do something about."""
    if is_lack_of_memory(error):
        return out_of_memory(error)
    if isinstance(error, HumantrackError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return kind_of(error)("stopped")
    if isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return from_hydra(error)
    if isinstance(error, OSError):
        return OutputError(
            f"the system refused ({error.strerror or error})",
            where=error.filename,
            hint="check permissions and free space, or set video.output_dir=FOLDER",
        )
    return None
