"""Processes that run jobs, and processes that open files."""
