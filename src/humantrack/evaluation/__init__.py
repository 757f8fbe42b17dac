"""Scores results against the truth of published benchmarks, by their own protocols."""
