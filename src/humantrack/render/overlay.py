"""Draws the tracked people of a frame over its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render import marks
from humantrack.render.kind import RenderKind
from humantrack.render.mesh import ALPHA, Camera, MeshPainter, Paint
from humantrack.render.palette import Colour, find_palette, identity_colour
from humantrack.render.turned import FROM_THE_SIDE, GROUND, turned
from humantrack.types import Frame, FrameRecord, TrackedPerson, is_guessed

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]

GHOST_FRAMES = 6
"""A person missed for at most so many frames is drawn faintly where he was last seen."""

_GHOST_OPACITY = 0.45
_NOSE, _NECK = 0, 1


class Overlay:
    """Draws people over frames. The same frame and record give the same picture.

    Args:
        body: a ``BodyModel``, the one whose parameters the records hold.
        kind: PHALP's ``render.type``, see :class:`humantrack.render.RenderKind`.
        output_resolution: cap on the longer side in px, 0 = none; pictures are never enlarged.
        head_mask: leave the heads of meshes undrawn, so that faces stay visible.
        show_ghosts: draw people who were missed for a few frames, faintly.
        show_keypoints: draw joints over whatever ``kind`` draws.
        side_view_each: beside the picture everybody from the side, each turned where he stands.
        colours: name of the palette, see ``PALETTES``.
        device: where meshes are drawn.

    Raises:
        ConfigError: if ``kind`` or ``colours`` are unknown, or ``head_mask`` is not possible with
            this body.
    """

    def __init__(
        self,
        body: Any,
        *,
        kind: str = "HUMAN_MESH",
        output_resolution: int = 1440,
        head_mask: bool = False,
        show_ghosts: bool = True,
        show_keypoints: bool = False,
        side_view_each: bool = False,
        colours: str = "phalp",
        device: str = "cpu",
    ) -> None:
        self._kind = RenderKind.parse(kind)
        self._cap = output_resolution
        self._max_missed = GHOST_FRAMES if show_ghosts else 0
        self._palette = find_palette(colours)
        self._show_keypoints = show_keypoints and self._kind.style != "SKELETON"
        self._mesh: MeshPainter | None = None
        if self._kind.style == "MESH":
            self._mesh = MeshPainter(body, head_mask=head_mask, device=device)
        self._aside = MeshPainter(body, device=device) if side_view_each else None

    @property
    def only_track(self) -> int | None:
        """The id of the one person who is drawn; None draws all."""
        return self._kind.track_id

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) of what is drawn for frames of a size; even where it is reduced."""
        height, width = self._reduced(height, width)
        return height, width if self._aside is None else 2 * width

    def _reduced(self, height: int, width: int) -> tuple[int, int]:
        longer = max(height, width)
        if longer <= self._cap or self._cap <= 0:
            return height, width
        return (
            max(2, 2 * round(height * self._cap / longer / 2)),
            max(2, 2 * round(width * self._cap / longer / 2)),
        )

    def draw(self, frame: Frame, record: FrameRecord) -> ByteArray:
        """A new (H,W,3) uint8 RGB picture, H and W as :meth:`size` says."""
        height, width = self._reduced(frame.height, frame.width)
        picture = _resized(frame.rgb, height, width)
        scale = np.array([width / frame.width, height / frame.height])
        square = PaddedSquare(frame.height, frame.width)
        people = self._kind.pick(record.people, self._max_missed)
        camera = Camera(square.focal_px * float(scale.mean()), tuple(square.centre_px * scale))
        if self._mesh is not None:
            paints = [Paint(self._colour(p), ALPHA * _opacity(p)) for p in people]
            self._mesh.draw(picture, [p.observation for p in people], paints, camera)
        # The nearest comes last, so his marks lie on top, and all labels over all marks.
        labels = [self._mark(picture, person, square, scale) for person in people]
        for person, at in zip(people, labels, strict=True):
            if at is not None:
                colour = self._colour(person)
                marks.draw_label(picture, marks.label_of(person), at, colour, _opacity(person))
        if self._aside is None:
            return picture
        return np.concatenate([picture, self._side_views(self._aside, picture, people, camera)], 1)

    def _colour(self, person: TrackedPerson) -> Colour:
        return identity_colour(person.track_id, self._palette)

    def _side_views(
        self,
        painter: MeshPainter,
        picture: ByteArray,
        people: Sequence[TrackedPerson],
        camera: Camera,
    ) -> ByteArray:
        """A picture of the same size that shows each person as seen from his camera's right."""
        panel = np.full_like(picture, GROUND)
        bodies = [turned(p.observation, FROM_THE_SIDE) for p in people]
        paints = [Paint(self._colour(p), _opacity(p)) for p in people]
        painter.draw(panel, bodies, paints, camera)
        return panel

    def _mark(
        self, picture: ByteArray, person: TrackedPerson, square: PaddedSquare, scale: Array
    ) -> Array | None:
        """Draw what is not a mesh, and say where the label belongs, (2,) px, if anywhere."""
        seen, style = person.observation, self._kind.style
        colour, opacity = self._colour(person), _opacity(person)
        with np.errstate(all="ignore"):
            joints_px = square.to_image(np.asarray(seen.joints_2d, float)) * scale
            box_px = np.asarray(seen.xyxy_px, float) * np.tile(scale, 2)
        height, width = picture.shape[:2]
        if not (box_px[:2] < (width, height)).all() or not (box_px[2:] > 0).all():
            return None
        above_box = np.array([box_px[[0, 2]].mean(), box_px[1]])
        if style == "MASK" and seen.mask is not None:
            marks.draw_mask(picture, seen.mask, colour, opacity)
        elif style in {"MASK", "BBOX"}:
            marks.draw_box(picture, box_px, colour, opacity)
        if style == "SKELETON" or self._show_keypoints:
            marks.draw_skeleton(picture, joints_px, colour, opacity, seen.joint_source)
        if style in {"MASK", "BBOX"}:
            return above_box
        return _above_head(joints_px, above_box)


def _resized(rgb: ByteArray, height: int, width: int) -> ByteArray:
    """A new picture of a size, which is not larger."""
    if rgb.shape[:2] == (height, width):
        return np.array(rgb, order="C")
    # Up to a half more pixels than wanted, two neighbours see nearly all of them, in a third of
    # the time that means over areas take.
    slightly = rgb.shape[0] <= 1.5 * height and rgb.shape[1] <= 1.5 * width
    how = cv2.INTER_LINEAR if slightly else cv2.INTER_AREA
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), np.uint8)


def _opacity(person: TrackedPerson) -> float:
    """1 for people seen, less for ghosts and for poses that are held or made up."""
    is_sure = person.missed == 0 and not is_guessed(person.observation)
    return 1.0 if is_sure else _GHOST_OPACITY


def _above_head(joints_px: Array, otherwise: Array) -> Array:
    """A point (2,) px over the head, or another one where the joints are no numbers."""
    nose, neck = joints_px[_NOSE], joints_px[_NECK]
    with np.errstate(all="ignore"):
        at = nose - [0.0, 1.2 * np.hypot(*(nose - neck))]
    return at if np.isfinite(at).all() else otherwise
