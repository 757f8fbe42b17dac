"""Appearance: mesh and crop -> UV texture, texture -> code, and HMAR, which does both."""
