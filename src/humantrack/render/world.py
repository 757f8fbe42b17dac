"""Draws the world: a gridded floor, bodies, where they have been, the camera and its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from humantrack.body.joints import PHALP_JOINTS
from humantrack.geometry.rotations import transpose
from humantrack.render.marks import LIMBS, draw_label
from humantrack.render.mesh import Camera, MeshPainter, Paint
from humantrack.render.palette import Colour, identity_colour
from humantrack.render.view import View
from humantrack.types import BodyBatch
from humantrack.types.arrays import ByteArray, FloatArray
from humantrack.types.world import CONTACTS, WorldFrame, WorldPerson

TRAIL_S = 10.0
"""How long people's way stays."""

_MOST_OF_WAY = 2048
_BACKGROUND, _FLOOR, _LINE, _AXIS = (
    (236, 239, 242),
    (226, 230, 234),
    (200, 206, 212),
    (160, 168, 176),
)
_CAMERA: Colour = (70, 70, 80)
_CONTACT: Colour = (30, 160, 70)
_SHIFT = 4
"""Positions are given to OpenCV in sixteenths of a pixel."""

_NEAR = 0.1
"""Metres from the view within which nothing is drawn."""

_MOST_LINES = 40
_FITS_M = 0.03
"""Mean distance of joints up to which a body is this model's."""

_BRIDGED = 0.5
"""Opacity of people who were not seen in a frame."""

_NOT_LIMBS = {0, 15, 16, 17, 18}
_PELVIS, _HEAD = PHALP_JOINTS.index("mid_hip"), PHALP_JOINTS.index("extra_head_top")
_FEET = [PHALP_JOINTS.index(name.replace("toe", "big_toe")) for name in CONTACTS]


class Trails:
    """Where people have been of late, and the camera since its shot began."""

    def __init__(self) -> None:
        self.people: dict[int, deque[tuple[float, FloatArray]]] = {}
        self.camera: list[FloatArray] = []
        self._shot: int | None = None
        self._every = self._count = 1

    def add(self, frame: WorldFrame) -> None:
        """Take the next frame; a new shot begins anew."""
        if frame.shot != self._shot:
            self.people, self.camera = {}, []
            self._shot, self._every, self._count = frame.shot, 1, 1
        for person in frame.people:
            place = person.root_position * (1, 0, 1)
            self.people.setdefault(person.track_id, deque()).append((frame.time_s, place))
        for track_id in list(self.people):
            way = self.people[track_id]
            while way and frame.time_s - way[0][0] > TRAIL_S:
                way.popleft()
            if not way:
                del self.people[track_id]
        self._count += 1
        if self._count % self._every == 0:
            self.camera.append(frame.camera_position)
        if len(self.camera) > _MOST_OF_WAY:
            self.camera, self._every = self.camera[::2], 2 * self._every


@dataclass(frozen=True, slots=True)
class _Placed:
    """A body in the axes of a view. Implements ``BodyParameters``."""

    global_orient: FloatArray
    body_pose: FloatArray
    betas: FloatArray
    cam_t: FloatArray
    cam_crop: FloatArray
    joints_3d: FloatArray
    joints_2d: FloatArray


class WorldPainter:
    """Draws frames of the world. The same frame, view and trails give the same picture.

    Args:
        body: a ``BodyModel``. People whose joints are not those of this body are drawn as limbs.
        device: where bodies are drawn.
    """

    def __init__(self, body: Any, *, device: str = "cpu") -> None:
        self._body, self._mesh = body, MeshPainter(body, device=device)

    def draw(
        self, frame: WorldFrame, view: View, trails: Trails, *, width: int, height: int
    ) -> ByteArray:
        """A new (H,W,3) uint8 RGB picture.

        Args:
            frame: to draw.
            view: where from; made for this size.
            trails: of the frames up to this one.
            width: of the picture, px.
            height: of the picture, px.
        """
        picture = np.full((height, width, 3), _BACKGROUND, np.uint8)
        _draw_floor(picture, view)
        for track_id, way in sorted(trails.people.items()):
            _draw_way(
                picture, view, np.array([place for _, place in way]), identity_colour(track_id)
            )
        for person in frame.people:
            _draw_shadow(picture, view, person)
        if len(trails.camera) > 1:
            _polyline(picture, view, np.array(trails.camera), _CAMERA, 1)
        _draw_camera(picture, view, frame)
        self._draw_people(picture, view, frame.people)
        for person in frame.people:
            _draw_contacts(picture, view, person)
        for person in frame.people:
            above = person.joints[_HEAD] + (0, 0.12, 0)
            at = view.pixels(above[None])[0]
            if np.isfinite(at).all():
                text = str(person.track_id) + ("" if person.is_observed else " ?")
                draw_label(picture, text, at, identity_colour(person.track_id), 0.9)
        return picture

    def _draw_people(self, picture: ByteArray, view: View, people: Sequence[WorldPerson]) -> None:
        """Bodies, nearer ones over farther ones."""
        if not people:
            return
        placed, fits = self._placed(people, view)
        for person, is_ours in zip(people, fits, strict=True):
            if not is_ours:
                _draw_limbs(picture, view, person)
        camera = Camera(view.focal_px, view.centre_px)
        ours = [i for i, is_ours in enumerate(fits) if is_ours]
        paints = [
            Paint(identity_colour(p.track_id), 1.0 if p.is_observed else _BRIDGED, float(p.scale))
            for p in people
        ]
        self._mesh.draw(picture, [placed[i] for i in ours], [paints[i] for i in ours], camera)

    def _placed(
        self, people: Sequence[WorldPerson], view: View
    ) -> tuple[list[_Placed], list[bool]]:
        """Bodies in the view's axes, and whether they are this model's."""
        count = len(people)
        turns = np.stack([view.rotation @ p.root_rotation for p in people]).astype(np.float32)
        bare = BodyBatch(
            global_orient=turns[:, None],
            body_pose=np.stack([p.body_pose for p in people]).astype(np.float32),
            betas=np.stack([p.betas for p in people]).astype(np.float32),
            cam_crop=np.zeros((count, 3), np.float32),
            cam_t=np.zeros((count, 3), np.float32),
            joints_3d=np.zeros((count, 45, 3), np.float32),
            joints_2d=np.zeros((count, 45, 2), np.float32),
        )
        joints = np.asarray(self._body.joints(bare), np.float64)
        joints *= np.array([p.scale for p in people])[:, None, None]
        pelvis = view.seen(np.stack([p.root_position for p in people]))
        cam_t = pelvis - joints[:, _PELVIS]
        there = np.stack([view.seen(p.joints) for p in people])
        off = np.linalg.norm(joints[:, :25] + cam_t[:, None] - there[:, :25], axis=2).mean(axis=1)
        placed = [
            _Placed(
                bare.global_orient[i],
                bare.body_pose[i],
                bare.betas[i],
                cam_t[i].astype(np.float32),
                bare.cam_crop[i],
                bare.joints_3d[i],
                bare.joints_2d[i],
            )
            for i in range(count)
        ]
        return placed, (off < _FITS_M).tolist()


def _draw_floor(picture: ByteArray, view: View) -> None:
    """A floor with lines a metre (or five, or ten, ...) apart round what is to be seen."""
    reach = max(view.reach_m, 2.0) + 1.0
    step = next(s for s in (1, 5, 10, 50, 100, 1000) if 2 * reach / s <= _MOST_LINES)
    low = np.floor((view.aim - reach) / step) * step
    high = np.ceil((view.aim + reach) / step) * step
    (x0, _, z0), (x1, _, z1) = low, high
    corners = np.array([(x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1)])
    _polygon(picture, view, corners, _FLOOR)
    for x in np.arange(x0, x1 + step / 2, step):
        _line(picture, view, ((x, 0, z0), (x, 0, z1)), _LINE)
    for z in np.arange(z0, z1 + step / 2, step):
        _line(picture, view, ((x0, 0, z), (x1, 0, z)), _LINE)
    for a, b in (((0, 0, 0), (step, 0, 0)), ((0, 0, 0), (0, 0, -step))):
        _line(picture, view, (a, b), _AXIS, 2)
    text = f"grid {step} m"
    scale = max(0.4, picture.shape[1] / 1600)
    where = (round(12 * scale / 0.4), picture.shape[0] - round(10 * scale / 0.4))
    cv2.putText(
        picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, (110, 116, 122), 1, cv2.LINE_AA
    )


def _draw_way(picture: ByteArray, view: View, way: FloatArray, colour: Colour) -> None:
    """A person's way on the floor, fainter the longer ago."""
    parts = 8
    for i in range(parts):
        some = way[i * len(way) // parts : (i + 1) * len(way) // parts + 1]
        if len(some) > 1:
            share = 0.25 + 0.75 * (i + 1) / parts
            faint = tuple(
                round(c * share + f * (1 - share)) for c, f in zip(colour, _FLOOR, strict=True)
            )
            _polyline(picture, view, some, (faint[0], faint[1], faint[2]), 2)


def _draw_shadow(picture: ByteArray, view: View, person: WorldPerson) -> None:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([0.28 * np.cos(angle), np.zeros(24), 0.28 * np.sin(angle)], axis=1)
    _polygon(picture, view, person.root_position * (1, 0, 1) + ring, (206, 210, 214))


def _draw_contacts(picture: ByteArray, view: View, person: WorldPerson) -> None:
    """A dot where a heel or a toe stands."""
    at = view.pixels(person.joints[_FEET])
    radius = max(2.0, picture.shape[1] / 320)
    for point, stands in zip(at, person.contacts.tolist(), strict=True):
        if stands and _is_near(point, picture):
            where = tuple(np.rint(point * 2**_SHIFT).astype(int).tolist())
            cv2.circle(picture, where, round(radius * 2**_SHIFT), _CONTACT, -1, cv2.LINE_AA, _SHIFT)


def _draw_camera(picture: ByteArray, view: View, frame: WorldFrame) -> None:
    """A pyramid as wide as what the camera sees."""
    depth = float(np.clip(0.08 * view.reach_m, 0.3, 2.0))
    half = frame.centre_px / frame.focal_px
    corners = np.array([(x, y, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], np.float64)
    corners[:, :2] *= half
    into = transpose(frame.camera_rotation)
    far = corners * depth @ into.T + frame.camera_position
    for a, b in zip(far, np.roll(far, -1, axis=0), strict=True):
        _line(picture, view, (a, b), _CAMERA, 2)
        _line(picture, view, (frame.camera_position, a), _CAMERA, 1)
    roof = np.array([(-0.4, -1, 1), (0.4, -1, 1), (0, -1.45, 1)])
    roof[:, :2] *= half
    _polygon(picture, view, roof * depth @ into.T + frame.camera_position, _CAMERA)


def _draw_limbs(picture: ByteArray, view: View, person: WorldPerson) -> None:
    """A person whose body is not known, as limbs as thick as a forearm."""
    colour = identity_colour(person.track_id)
    depth = max(float(view.seen(person.root_position[None])[0, 2]), 0.1)
    wide = int(np.clip(0.09 * person.scale * view.focal_px / depth, 2, 60))
    for a, b, _ in LIMBS:
        if not {a, b} & _NOT_LIMBS:
            _line(picture, view, (person.joints[a], person.joints[b]), colour, wide)
    neck = person.joints[PHALP_JOINTS.index("neck")]
    _line(picture, view, (neck, person.joints[_HEAD]), colour, 2 * wide)


def _line(
    picture: ByteArray, view: View, ends_m: tuple[Any, Any], colour: Colour, wide: int = 1
) -> None:
    """A straight line, cut where it comes too near to the view."""
    a, b = view.seen(np.array(ends_m, np.float64))
    if max(a[2], b[2]) <= 2 * _NEAR:
        return
    if min(a[2], b[2]) < _NEAR:
        share = (_NEAR - a[2]) / (b[2] - a[2])
        cut = a + share * (b - a)
        a, b = (cut, b) if a[2] < _NEAR else (a, cut)
    ends = [p[:2] / p[2] * view.focal_px + view.centre_px for p in (a, b)]
    if all(_is_near(p, picture) for p in ends):
        (x0, y0), (x1, y1) = (np.rint(p * 2**_SHIFT).astype(int).tolist() for p in ends)
        cv2.line(picture, (x0, y0), (x1, y1), colour, wide, cv2.LINE_AA, _SHIFT)


def _polyline(
    picture: ByteArray, view: View, points: FloatArray, colour: Colour, wide: int
) -> None:
    at = view.pixels(points)
    fine = np.array([_is_near(p, picture) for p in at])
    for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(fine)) + 1):
        if len(run) > 1 and fine[run[0]]:
            line = np.rint(at[run] * 2**_SHIFT).astype(np.int32)
            cv2.polylines(picture, [line], False, colour, wide, cv2.LINE_AA, _SHIFT)


def _polygon(picture: ByteArray, view: View, corners: FloatArray, colour: Colour) -> None:
    """A flat convex shape, cut where it comes too near to the view."""
    inside: list[FloatArray] = []
    seen = view.seen(corners)
    for a, b in zip(seen, np.roll(seen, -1, axis=0), strict=True):
        if a[2] >= _NEAR:
            inside.append(a)
        if (a[2] - _NEAR) * (b[2] - _NEAR) < 0:
            inside.append(a + (_NEAR - a[2]) / (b[2] - a[2]) * (b - a))
    if len(inside) < 3:
        return
    points = np.array(inside)
    at = points[:, :2] / points[:, 2:] * view.focal_px + view.centre_px
    limit = 20.0 * max(picture.shape[:2])
    flat = np.rint(np.clip(at, -limit, limit) * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(picture, flat, colour, cv2.LINE_AA, _SHIFT)


def _is_near(point: FloatArray, picture: ByteArray) -> bool:
    """Whether a point is finite and OpenCV's integers hold it."""
    return bool((np.abs(point) < 20 * max(picture.shape[:2])).all())
