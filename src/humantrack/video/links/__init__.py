"""Videos behind addresses: what an address means, and bringing what is finite onto the disk."""

from humantrack.video.links.http import Patience, Policy
from humantrack.video.links.resolve import LinkOptions, is_endless, resolve

__all__ = ["LinkOptions", "Patience", "Policy", "is_endless", "resolve"]
