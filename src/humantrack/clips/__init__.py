"""Tracks read out of a results file."""
