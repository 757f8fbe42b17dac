"""A dressed figure that walks along a path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from lib.origin import MODELS
from lib.painter import vertex_normals
from lib.scene import SHAPES, Camera, Person, about_x, about_y, about_z
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from humantrack.body.joints import SMPL_JOINTS
from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin

CYCLE_M = 1.35
"""Way per gait cycle (two steps) at full amplitude."""
SHOES = (0.13, 0.13, 0.15)
WHITE_OF_EYE, IRIS = 0.92, (0.15, 0.1, 0.08)


@dataclass(frozen=True)
class Posed:
    """A figure in one frame, camera axes, metres."""

    vertices: np.ndarray
    """(V,3)."""

    joints: np.ndarray
    """(24,3)."""

    rotations: np.ndarray
    """(24,3,3) relative to the parent; the root's to the camera."""

    translation: np.ndarray
    """(3,)."""


def gait(phase: float, amplitude: float) -> np.ndarray:
    """Rotations (24,3,3) relative to the parent at a moment of a walk, the body facing +z."""
    joint = SMPL_JOINTS.index
    sway = amplitude * np.sin(phase)
    local = np.tile(np.eye(3), (len(SMPL_JOINTS), 1, 1))
    local[0] = about_y(0.06 * sway)
    local[joint("spine1")] = local[joint("spine2")] = about_y(-0.05 * sway)
    for side, shift, sign in (("left", 0, 1), ("right", np.pi, -1)):
        swing = amplitude * np.sin(phase + shift)
        lift = amplitude * np.clip(np.sin(phase + shift + np.pi * 1.55), 0, 1) ** 1.5
        local[joint(f"{side}_hip")] = about_x(-0.42 * swing - 0.05)
        local[joint(f"{side}_knee")] = about_x(0.10 + 0.60 * lift)
        local[joint(f"{side}_ankle")] = about_x(-0.12 * swing)
        # The arms hang and swing against the legs; the elbows stay a little bent.
        local[joint(f"{side}_shoulder")] = about_x(sign * 0.40 * sway) @ about_z(-sign * 1.28)
        local[joint(f"{side}_elbow")] = about_y(-sign * 0.35 - 0.15 * sway)
    return local


class DressedBody:
    """The shipped body of one person, its surface moved outwards by clothes and hair.

    Attributes:
        faces: (F,3) int64.
        colour: (V,3) 0..1.
        rest_joints: (24,3) of the T pose.
    """

    def __init__(self, person: Person) -> None:
        self._body = load_mannequin()
        with np.load(MODELS / "body24.npz") as mean, np.load(SHAPES) as directions:
            self._bind_rotations = mean["bind_rotations"].astype(np.float64)

            def shaped(name: str, change: str) -> np.ndarray:
                return mean[name] + np.tensordot(person.shape, directions[change], 1)

            surface = shaped("v_template", "shape_dirs").astype(np.float32)
            self._joints_bind = shaped("joints_bind", "joints_bind_dirs")
            self.rest_joints = shaped("joints_rest", "joints_rest_dirs")
        self.faces = self._body.faces.astype(np.int64)
        region = np.array(self._body.region_names)[self._body.region]
        self.colour, loose = _dress(person, region, surface, self._joints_bind)
        self._surface = surface + vertex_normals(surface, self.faces) * loose[:, None]

    def pose(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (24,3,3) -> vertices (V,3) and joints (24,3), pelvis at the origin."""
        turned, joints = forward_kinematics(local[None], self.rest_joints)
        rotation = turned[0] @ self._bind_rotations
        shift = joints[0] - np.einsum("jab,jb->ja", rotation, self._joints_bind)
        moves = np.concatenate([rotation, shift[..., None]], -1).reshape(-1, 12)
        blended = (self._body.weights @ moves.astype(np.float32)).reshape(-1, 3, 4)
        vertices = np.einsum("vab,vb->va", blended[..., :3], self._surface) + blended[..., 3]
        return vertices, joints[0]


def _dress(
    person: Person, region: np.ndarray, surface: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (V,3) 0..1 and the distance of cloth and hair from the skin (V,) in metres."""
    x, y, z = surface.T
    sleeves = ["upper_arm", "forearm"] if person.long_sleeves else ["upper_arm"]
    waist = joints[SMPL_JOINTS.index("spine1"), 1] - 0.02
    top = np.isin(region, ["torso", *sleeves]) | ((region == "pelvis") & (y > waist))
    legs = np.isin(region, ["pelvis", "thigh", "shin"]) & ~top
    scalp = region == "hair_scalp"
    behind = z < joints[SMPL_JOINTS.index("head"), 2] + 0.01
    long_hair = np.isin(region, ["face", "neck"]) & behind & person.long_hair

    colour = np.tile(np.array(person.skin, float), (len(region), 1))
    colour[top], colour[legs] = person.top, person.legs
    if person.stripes:
        colour[top & (np.mod(y, 0.09) < 0.045)] = person.stripes
    if person.panel:
        colour[top & (np.abs(x) < 0.06) & (z > 0)] = person.panel
    colour[region == "foot"] = SHOES
    colour[scalp | long_hair] = person.hair
    eye = region == "eyes"
    front, level = z[eye].max(), y[eye].mean()
    colour[eye] = WHITE_OF_EYE
    colour[eye & (z > front - 0.004)] = IRIS
    brow = (region == "face") & (np.abs(y - level - 0.022) < 0.005) & (z > front - 0.035)
    colour[brow & (np.abs(x) > 0.012)] = np.array(person.hair) * 0.8

    loose = np.zeros(len(region))
    loose[top] = 0.006
    loose[legs] = 0.008 + (0.012 if person.baggy else 0)
    loose[scalp] = 0.014 + (0.012 if person.long_hair else 0)
    loose[long_hair] = 0.02
    return np.clip(colour, 0, 1), loose.astype(np.float32)


class Walker:
    """A person of a scene, frame by frame.

    Attributes:
        body: what is drawn.
        present: (T,) whether he is on his way.
    """

    def __init__(self, person: Person, frame_count: int, fps: float) -> None:
        self.body = DressedBody(person)
        second, x, depth = np.array(person.path, float).T
        time = np.arange(frame_count) / fps
        self.present = (time >= second[0]) & (time <= second[-1] + 1e-6)
        time = np.clip(time, second[0], second[-1])
        self._x, self._depth = (
            gaussian_filter1d(PchipInterpolator(second, way)(time), 6, mode="nearest")
            for way in (x, depth)
        )
        vx, vz = np.gradient(self._x) * fps, -np.gradient(self._depth) * fps
        speed = np.hypot(vx, vz)
        heading = np.unwrap(np.arctan2(vx, vz))
        self._yaw = gaussian_filter1d(heading, 4, mode="nearest")
        self._amplitude = np.clip(speed, 0.25, 1.1)
        cycles = speed / fps / (CYCLE_M * np.maximum(self._amplitude, 0.4))
        self._phase = person.phase + 2 * np.pi * np.cumsum(cycles)

    def at(self, frame: int, camera: Camera) -> Posed:
        """The figure with its lowest point on the floor."""
        local = gait(self._phase[frame], self._amplitude[frame])
        local[0] = about_y(self._yaw[frame]) @ local[0]
        lowest = self.body.pose(local)[0][:, 1].min()
        local[0] = camera.rotation @ local[0]
        vertices, joints = self.body.pose(local)
        place = np.array([self._x[frame], -lowest - camera.height_m, -self._depth[frame]])
        translation = camera.rotation @ place
        return Posed(vertices + translation, joints + translation, local, translation)
