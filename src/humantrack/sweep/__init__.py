"""Sweeps over many clips and settings: which, where to, one job each, and what became of all."""
