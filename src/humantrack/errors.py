"""Every error a user can meet, each with an exit code of its own.

::

    HumantrackError             1   anything below; also the base to catch
    ├── ConfigError             2   a key or value on the command line is wrong
    ├── SourceError             3   something is wrong with the video
    │   ├── SourceNotFoundError 3   no such file, folder or glob
    │   ├── UnreadableSourceError 4 it exists, but is not a video or image we can open
    │   └── EmptySourceError    5   it opens, but not one frame came out
    ├── WeightsError            6   a model file is the wrong one or damaged
    │   └── MissingWeightsError 7   a model file is not there
    ├── OutputError             8   a result cannot be written (permission, full disk)
    │   └── OutputTakenError   16   ... since other results, that may not be replaced, are there
    ├── ResultsError            9   a results file cannot be read
    │   └── UnsafePickleError  10   ... because it asks to run code
    ├── DependencyError        11   an optional package is needed and missing or broken
    ├── StageError             12   a stage of the pipeline failed on a frame
    ├── CheckpointError        13   an unfinished run cannot be continued
    ├── OutOfMemoryError       17   the machine, or a limit set on it, has not enough memory
    ├── SweepError             15   not one clip of a sweep succeeded
    │   └── PartialSweepError  14   ... or some did and some did not
    ├── SelectionError         18   tracks or frames to export are not in the results
    ├── CameraFileError        19   a file that says how the camera moves cannot be used
    ├── BenchmarkError         30   a benchmark's data is missing or damaged
    │   └── MismatchError      31   ... or results are not of its videos
    ├── LimitError             32   a measure is worse than what was asked for
    └── InterruptedRunError   130   stopped by Ctrl-C; what was final is kept
        ├── HangupError       129   ... by SIGHUP: the terminal was closed
        ├── PreemptedRunError 138   ... by SIGUSR1 or 2, Slurm's notice that time is up
        └── TerminatedRunError 143  ... by SIGTERM

Exit code 70 is an error of our own that none of these describes (see ``humantrack.cli.errors``).
"""

from __future__ import annotations

from humantrack.url import redacted

INTERNAL_ERROR = 70
"""Exit code of an error that none of these describes (BSD's EX_SOFTWARE)."""


class HumantrackError(Exception):
    """What went wrong, where, and what to do, as one line.

    Args:
        what: the problem, in a few words, without a full stop.
        where: the file, key or frame it concerns.
        hint: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(what)

    def __str__(self) -> str:
        line = self.what
        if self.where is not None:
            line += f": {self.where}"
        if self.hint:
            line += f". {self.hint[0].upper()}{self.hint[1:]}"
        return printable(line)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.hint)


def printable(text: str) -> str:
    """One line, in which what could steer a terminal is spelled out: a name may hold anything.

    No address in it tells a secret.
    """
    line = redacted(" ".join(text.split()))
    if line.isprintable():
        return line
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line
    )


def _rebuild(
    kind: type[HumantrackError], what: str, where: object, hint: str | None
) -> HumantrackError:
    """Errors cross process boundaries (sweeps, workers), so they must unpickle."""
    return kind(what, where=where, hint=hint)


class ConfigError(HumantrackError):
    """A key or a value of the configuration is wrong."""

    exit_code = 2


class SourceError(HumantrackError):
    """Something is wrong with the video."""

    exit_code = 3


class SourceNotFoundError(SourceError):
    """No such file, folder or glob."""

    exit_code = 3


class UnreadableSourceError(SourceError):
    """The source exists but is not a video or image that can be opened."""

    exit_code = 4


class EmptySourceError(SourceError):
    """The source opens but yields no frame."""

    exit_code = 5


class WeightsError(HumantrackError):
    """A model file is the wrong one or damaged."""

    exit_code = 6


class MissingWeightsError(WeightsError):
    """A model file is not there."""

    exit_code = 7


class OutputError(HumantrackError):
    """A result cannot be written."""

    exit_code = 8


class OutputTakenError(OutputError):
    """Results that may not be replaced are where this run would write."""

    exit_code = 16


class ResultsError(HumantrackError):
    """A results file cannot be read."""

    exit_code = 9


class UnsafePickleError(ResultsError):
    """A results file asks to run code."""

    exit_code = 10


class SelectionError(HumantrackError):
    """The tracks or frames asked for are not in the results."""

    exit_code = 18


class CameraFileError(HumantrackError):
    """A file that says how the camera moves cannot be read, or says nothing of these frames."""

    exit_code = 19


class BenchmarkError(HumantrackError):
    """The data of a benchmark is missing or damaged."""

    exit_code = 30


class MismatchError(BenchmarkError):
    """Results do not belong to the videos of the benchmark, or do not hold all their frames."""

    exit_code = 31


class LimitError(HumantrackError):
    """A measure is worse than what was asked for."""

    exit_code = 32


class DependencyError(HumantrackError):
    """An optional package is needed and is missing or broken."""

    exit_code = 11


class OutOfMemoryError(HumantrackError):
    """There is not enough memory for the run."""

    exit_code = 17


class StageError(HumantrackError):
    """A stage of the pipeline failed on a frame."""

    exit_code = 12


class SweepError(HumantrackError):
    """Not one clip of a sweep succeeded; sweep.json says why, clip by clip."""

    exit_code = 15


class PartialSweepError(SweepError):
    """Some clips of a sweep succeeded and some did not."""

    exit_code = 14


class CheckpointError(HumantrackError):
    """An unfinished run cannot be continued: its checkpoint is damaged or of another run."""

    exit_code = 13


class InterruptedRunError(HumantrackError):
    """The run was stopped from outside; what was final has been kept."""

    exit_code = 130


class HangupError(InterruptedRunError):
    """The run was stopped by SIGHUP: its terminal was closed."""

    exit_code = 129


class PreemptedRunError(InterruptedRunError):
    """The run was stopped by SIGUSR1 or SIGUSR2."""

    exit_code = 138


class TerminatedRunError(InterruptedRunError):
    """The run was stopped by SIGTERM."""

    exit_code = 143
