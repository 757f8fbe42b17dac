"""humantrack reconstructs and tracks every person of a video in 3D.

This module is the whole public face; everything else may change between versions. What it offers
is imported when it is first asked for, so that a command need not wait for what it does not use.
"""

from typing import TYPE_CHECKING

from humantrack._version import __version__

if TYPE_CHECKING:
    from humantrack.api import iter_track, track
    from humantrack.config.load import load_config
    from humantrack.errors import (
        ConfigError,
        DependencyError,
        EmptySourceError,
        HumantrackError,
        InterruptedRunError,
        MissingWeightsError,
        OutputError,
        ResultsError,
        SourceError,
        SourceNotFoundError,
        StageError,
        UnreadableSourceError,
        UnsafePickleError,
        WeightsError,
    )
    from humantrack.phalp import PHALP, Defaults
    from humantrack.pipeline.summary import RunSummary
    from humantrack.results import Results, iter_results, load_results
    from humantrack.split.encoding import ObservedFrame
    from humantrack.split.recorded import read_observations
    from humantrack.trackers.embedded import BlazePose_4dhuman
    from humantrack.trackers.hmr2 import HMR2_4dhuman
    from humantrack.types import (
        Appearance,
        BackFill,
        BodyBatch,
        Detections,
        Frame,
        FrameRecord,
        FrameUpdate,
        Observation,
        People,
        SourceInfo,
        TrackedPerson,
    )
    from humantrack.video import open_source
else:
    from humantrack._lazy import lazy_names as _lazy_names

    __getattr__, __dir__ = _lazy_names(
        __name__,
        {
            "api": ("iter_track", "track"),
            "config.load": ("load_config",),
            "errors": (
                "ConfigError",
                "DependencyError",
                "EmptySourceError",
                "HumantrackError",
                "InterruptedRunError",
                "MissingWeightsError",
                "OutputError",
                "ResultsError",
                "SourceError",
                "SourceNotFoundError",
                "StageError",
                "UnreadableSourceError",
                "UnsafePickleError",
                "WeightsError",
            ),
            "phalp": ("PHALP", "Defaults"),
            "pipeline.summary": ("RunSummary",),
            "results": ("Results", "iter_results", "load_results"),
            "split.encoding": ("ObservedFrame",),
            "split.recorded": ("read_observations",),
            "trackers.embedded": ("BlazePose_4dhuman",),
            "trackers.hmr2": ("HMR2_4dhuman",),
            "types": (
                "Appearance",
                "BackFill",
                "BodyBatch",
                "Detections",
                "Frame",
                "FrameRecord",
                "FrameUpdate",
                "Observation",
                "People",
                "SourceInfo",
                "TrackedPerson",
            ),
            "video": ("open_source",),
        },
    )

__all__ = [
    "PHALP",
    "Appearance",
    "BackFill",
    "BlazePose_4dhuman",
    "BodyBatch",
    "ConfigError",
    "Defaults",
    "DependencyError",
    "Detections",
    "EmptySourceError",
    "Frame",
    "FrameRecord",
    "FrameUpdate",
    "HMR2_4dhuman",
    "HumantrackError",
    "InterruptedRunError",
    "MissingWeightsError",
    "Observation",
    "ObservedFrame",
    "OutputError",
    "People",
    "Results",
    "ResultsError",
    "RunSummary",
    "SourceError",
    "SourceInfo",
    "SourceNotFoundError",
    "StageError",
    "TrackedPerson",
    "UnreadableSourceError",
    "UnsafePickleError",
    "WeightsError",
    "__version__",
    "iter_results",
    "iter_track",
    "load_config",
    "load_results",
    "open_source",
    "read_observations",
    "track",
]
