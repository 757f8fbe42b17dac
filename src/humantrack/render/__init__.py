"""Bodies drawn over frames: mesh painter, overlay, palette."""

from humantrack.render.faces import FaceBlur
from humantrack.render.kind import RenderKind
from humantrack.render.overlay import Overlay
from humantrack.render.palette import identity_colour
from humantrack.render.sink import OverlaySink

__all__ = ["FaceBlur", "Overlay", "OverlaySink", "RenderKind", "identity_colour"]
