"""The configuration: every key, and how it is composed and checked."""
