"""Bodies drawn over frames: mesh rasteriser, overlay, palette."""
