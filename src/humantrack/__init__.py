"""humantrack reconstructs and tracks every person of a video in 3D."""
