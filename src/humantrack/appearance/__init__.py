"""Looks: mesh and crop -> UV texture, texture -> code, and HMAR, the network that does both."""
