"""Body models: parameters -> surface and joints."""

from humantrack.body.mannequin import Mannequin, load_mannequin

__all__ = ["Mannequin", "load_mannequin"]
