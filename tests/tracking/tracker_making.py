"""PhalpTracker from options by their names, whichever group they belong to."""

from __future__ import annotations

from dataclasses import fields

from humantrack.tracking import AppearanceOptions, AssociationOptions, LifeOptions, PhalpTracker
from humantrack.tracking.texture import PairEmbedder

GROUPS = (AssociationOptions, LifeOptions, AppearanceOptions)


def make_tracker(*, encoder=None, pose_forecaster=None, reference_quirks=False, **options):
    """A tracker; ``encoder`` turns texture maps into codes."""
    groups = []
    for group in GROUPS:
        names = {f.name for f in fields(group)} & set(options)
        groups.append(group(**{name: options.pop(name) for name in names}))
    assert not options
    return PhalpTracker(
        *groups,
        embedder=None if encoder is None else PairEmbedder(encoder),
        pose_forecaster=pose_forecaster,
        reference_quirks=reference_quirks,
    )
