"""Sources of frames, shot cuts, the mp4 writer."""
