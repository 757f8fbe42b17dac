"""Trackers: subclasses of PHALP, one file each, and where the official files lie."""
