"""Torch layers that several networks share."""
