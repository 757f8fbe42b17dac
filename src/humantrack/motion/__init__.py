"""A track's motion over time: its skeleton, its camera, smoothing."""
