"""Rotations, boxes, cameras, crops and the z-buffer: formulas without models."""
