"""PHALP's tracker: cost, assignment, track life cycle, forecasts; owns the ids."""

from humantrack.tracking.assignment import Assignment, assign
from humantrack.tracking.cost import DISTANCE_TYPES, AssociationCost, Sample, SampleBatch
from humantrack.tracking.location import forecast_locations
from humantrack.tracking.options import AppearanceOptions, AssociationOptions, LifeOptions
from humantrack.tracking.pose import PoseForecaster
from humantrack.tracking.texture import Embedder, PairEmbedder, UvEncoder, blend_uv
from humantrack.tracking.tracker import Association, PhalpTracker

__all__ = [
    "DISTANCE_TYPES",
    "AppearanceOptions",
    "Assignment",
    "Association",
    "AssociationCost",
    "AssociationOptions",
    "Embedder",
    "LifeOptions",
    "PairEmbedder",
    "PhalpTracker",
    "PoseForecaster",
    "Sample",
    "SampleBatch",
    "UvEncoder",
    "assign",
    "blend_uv",
    "forecast_locations",
]
