"""A scene of animated bodies in binary glTF 2.0, which Blender, three.js and web viewers open.

Per track (or part of one) there is a node tree of the 24 joints, a surface skinned to it, and
key frames: a rotation of every joint, the pelvis' place, and, where the person is not there all
the time, a scale of 0 or 1 of the tree's top. One animation holds them all. Times are the video's,
counted from the first frame exported. Source of the layout: Khronos, glTF 2.0 specification.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from hashlib import sha256
from typing import Any, BinaryIO

import numpy as np
import pygltflib as gl

from humantrack._version import __version__
from humantrack.body.joints import SMPL_PARENTS
from humantrack.clips.frames import Batch
from humantrack.errors import OutputError, ResultsError
from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.glb_keys import key_frames, linear, switch, xyzw
from humantrack.export.rigs import scene_rig
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.motion import Motion
from humantrack.motion.rig import Rig
from humantrack.motion.skeleton import Skeleton
from humantrack.motion.spool import Store
from humantrack.motion.surface import surface_of
from humantrack.render.palette import identity_colour
from humantrack.results.table import readable
from humantrack.types.arrays import FloatArray, IntArray

_MOST_BYTES = 2**32 - 1
_NEAR_M = 0.05

_COMPONENT = {"uint8": 5121, "uint16": 5123, "float32": 5126}
_TYPE = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_CAMERA_AXES = "x right, y up, z towards the viewer; the origin is the camera"
_WORLD_AXES = "y up, the floor at 0; the origin is below the first camera, which looks along -z"
_CORRECTIVES = "SMPL's surface is skinned only; its pose correctives are left out"


class Glb(MotionExporter):
    """All tracks in one file, whatever their number.

    Where no rest pose is asked for, nodes stand in the first pose, and the surface is bound as it
    was made. With one, both nodes and surface rest in it, as BVH does.
    """

    is_timed = True

    def begin(self) -> None:
        """Open the file; it is written at the end."""
        super().begin()
        self._file = self.outputs.open(self.suffix)
        self._times: list[float] = []
        self._shown: list[float] = []
        self._camera = CameraTrack()
        rests = self.options.rest is not None or self.options.bones == "lafan"
        self._scene = _Scene(scene_rig(self.options), rests=rests)

    def write(self, batch: Batch) -> None:
        """Gather the people, and when the frames were."""
        super().write(batch)
        self._times += [frame.time_s for frame in batch.frames]
        self._shown += [frame.time_s for frame in batch.frames if frame.is_selected]
        if self.in_world:
            self._camera.add(batch.selected)

    @property
    def _start_s(self) -> float:
        """When the first frame to show is; the scene counts from there."""
        return self._shown[0] if self._shown else 0.0

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Add a person to the scene."""
        start_s = self._start_s
        here = replace(motion, time_s=motion.time_s - start_s)
        clip_s = np.array(self._times) - start_s
        self._scene.add(here, clip_s, rows, self._shown[-1] - start_s)

    def finish(self) -> None:
        """Put the scene together and write it."""
        super().finish()
        facts = self.facts
        if facts.width and facts.height and self.in_world:
            size = facts.width, facts.height
            self._scene.add_moving_camera(*size, self._camera, self._start_s)
        elif facts.width and facts.height:
            focal_px = self.options.focal_px or float(np.hypot(facts.width, facts.height))
            self._scene.add_camera(facts.width, facts.height, focal_px)
        self._scene.write(
            self._file,
            {
                "tool": f"humantrack {__version__}",
                "results": readable(self.source.path.name),
                "source": facts.path and readable(facts.path),
                "fps": facts.fps,
                "start_s": self._start_s,
                "units": "metres, seconds, radians",
                "axes": _WORLD_AXES if self.in_world else _CAMERA_AXES,
            },
        )


def write_rest_body(file: BinaryIO, skeleton: Skeleton) -> None:
    """A body in the T pose, at the origin, facing z: for viewers that move its joints themselves.

    Args:
        file: to write to.
        skeleton: of the body, whose mean shape is taken.
    """
    still = Motion(
        track_id=1,
        part=None,
        fps=1.0,
        frame=np.zeros(1, np.int64),
        time_s=np.zeros(1),
        shot=np.zeros(1, np.int64),
        observed=np.ones(1, bool),
        quaternions=np.tile([1.0, 0.0, 0.0, 0.0], (1, len(SMPL_PARENTS), 1)),
        pelvis=np.zeros((1, 3)),
        joints=np.zeros((1, 45, 3)),
        betas=np.zeros(10),
        joint_source=np.full((1, 45), -1, np.int8),
        joint_confidence=np.full((1, 45), np.nan, np.float32),
        skeleton=skeleton,
        rest_pelvis=np.zeros(3),
    )
    scene = _Scene()
    scene.add_still(still)
    axes = "x to the body's left, y up, z forward; the origin is the pelvis"
    scene.write(file, {"units": "metres", "axes": axes})


class _Scene:
    """A glTF document that grows, and the bytes it speaks of.

    Args:
        rig: names of the nodes, their axes and their rest pose.
        rests: whether nodes and surface stand in that rest pose.
    """

    def __init__(self, rig: Rig | None = None, *, rests: bool = False) -> None:
        self._rig, self._rests = rig or Rig(), rests
        self._joints = self._rig.joints
        self._gltf = gl.GLTF2(scene=0, scenes=[gl.Scene(nodes=[])])
        self._animation = gl.Animation(name="motion")
        self._tracks: list[int] = []
        self._has_smpl = False
        self._data = Store()
        self._size = 0
        self._stored: dict[tuple[Any, ...], int] = {}
        self._materials: dict[int, int] = {}

    # -- what is in it --------------------------------------------------------------------------

    def add(self, motion: Motion, clip_s: FloatArray, shown: slice, end_s: float) -> None:
        """A person.

        Args:
            motion: theirs, in the scene's time, which may begin before 0.
            clip_s: (F,) when the clip's frames are, in the same time.
            shown: which rows of the motion are within the scene.
            end_s: when the last frame of the scene is.

        Raises:
            ResultsError: if times are not finite.
        """
        top = len(self._gltf.nodes)
        with np.errstate(over="ignore"):
            time_s = np.maximum(motion.time_s[shown], 0.0).astype(np.float32)
        if not np.isfinite(time_s).all():
            raise ResultsError(f"track {motion.track_id} has times that are no times")
        rows = np.flatnonzero(np.diff(np.maximum.accumulate(time_s), prepend=-1) > 0)
        turns, places = key_frames(self._rig, motion, shown)
        self._add_tree(motion, turns[0], places[0])
        clock = self._store(time_s[rows], bounds=True)
        for node, joint in enumerate(self._joints, start=top + 1):
            self._animate(node, "rotation", clock, turns[rows, joint])
        self._animate(top + 1, "translation", clock, places[rows])
        switch_s, on = switch(motion, clip_s, end_s)
        if len(on) > 1:
            scale = np.repeat(on[:, None], 3, axis=1)
            self._animate(top, "scale", self._store(switch_s, bounds=True), scale, "STEP")
        self._add_surface(motion, top)
        if motion.track_id not in self._tracks:
            self._tracks.append(motion.track_id)

    def add_still(self, motion: Motion) -> None:
        """A person in the first pose, without key frames."""
        turn = motion.quaternions[0][..., [1, 2, 3, 0]].astype(np.float32)
        self._add_tree(motion, turn, motion.pelvis[0].astype(np.float32))
        self._add_surface(motion, 0)
        self._tracks.append(motion.track_id)

    def add_camera(self, width: int, height: int, focal_px: float) -> None:
        """The video's camera, at the origin: through it the bodies cover the people."""
        lens = gl.Perspective(
            yfov=2 * float(np.arctan(height / 2 / focal_px)),
            aspectRatio=width / height,
            znear=_NEAR_M,
        )
        self._gltf.cameras.append(gl.Camera(type="perspective", perspective=lens))
        self._add_root(gl.Node(name="camera", camera=0))

    def add_moving_camera(
        self, width: int, height: int, camera: CameraTrack, start_s: float
    ) -> None:
        """The video's camera on its way through the world."""
        if not len(camera):
            return
        node = len(self._gltf.nodes)
        self.add_camera(width, height, camera.focal_px[0])
        time_s, places, turns = camera.key_frames(start_s)
        top = self._gltf.nodes[node]
        top.translation, top.rotation = places[0].tolist(), turns[0].tolist()
        top.extras = {"principal_point_px": camera.centre_px(0).tolist()}
        if np.ptp(camera.focal_px) > 0:  # the core of glTF cannot animate a lens
            top.extras["focal_length_px"] = camera.focal_px.tolist()
        clock = self._store(time_s, bounds=True)
        self._animate(node, "translation", clock, places)
        self._animate(node, "rotation", clock, turns)

    def _add_root(self, node: gl.Node) -> None:
        self._gltf.scenes[0].nodes.append(len(self._gltf.nodes))
        self._gltf.nodes.append(node)

    def _add_tree(self, motion: Motion, turns: FloatArray, place: FloatArray) -> None:
        """The top node and, below it, the joints in their first pose."""
        nodes, skeleton, rig = self._gltf.nodes, motion.skeleton, self._rig
        top = len(nodes)
        if self._rests:
            turns = xyzw(matrix_to_quaternion(rig.at_rest()))
        node_of = {joint: top + 1 + i for i, joint in enumerate(self._joints)}
        offsets = rig.offsets(skeleton)
        about = {"track_id": motion.track_id, "part": motion.part, "skeleton": skeleton.kind}
        about["betas"] = motion.betas.tolist()
        self._add_root(gl.Node(name=motion.name, children=[top + 1], extras=about))
        for joint in self._joints:
            offset = place if joint == 0 else offsets[joint]
            children = [node_of[c] for c in self._joints if SMPL_PARENTS[c] == joint]
            nodes.append(
                gl.Node(
                    name=rig.names[joint],
                    translation=offset.tolist(),
                    rotation=turns[joint].tolist(),
                    children=children,
                )
            )

    def _add_surface(self, motion: Motion, top: int) -> None:
        """The mesh, its skin and the node that shows it; skinned nodes belong to the root."""
        surface = surface_of(motion.skeleton, motion.betas, self._rig if self._rests else None)
        self._has_smpl |= motion.skeleton.smpl is not None
        vertices = {"target": gl.ARRAY_BUFFER}
        gltf = self._gltf
        attributes = gl.Attributes(
            POSITION=self._store(surface.vertices, bounds=True, **vertices),
            NORMAL=self._store(surface.normals, **vertices),
            JOINTS_0=self._store(surface.joints, **vertices),
            WEIGHTS_0=self._store(surface.weights, **vertices),
        )
        primitive = gl.Primitive(
            attributes=attributes,
            indices=self._store(surface.faces.ravel(), target=gl.ELEMENT_ARRAY_BUFFER),
            material=self._material(motion.track_id),
        )
        inverse = surface.inverse_bind[self._joints]
        columns = np.ascontiguousarray(inverse.transpose(0, 2, 1))
        joints = list(range(top + 1, top + 1 + len(self._joints)))
        skin = gl.Skin(inverseBindMatrices=self._store(columns), joints=joints, skeleton=top)
        name = f"{motion.name}_body"
        self._add_root(gl.Node(name=name, mesh=len(gltf.meshes), skin=len(gltf.skins)))
        gltf.meshes.append(gl.Mesh(name=name, primitives=[primitive]))
        gltf.skins.append(skin)

    def _material(self, track_id: int) -> int:
        if track_id not in self._materials:
            srgb = np.array(identity_colour(track_id)) / 255
            self._materials[track_id] = len(self._gltf.materials)
            paint = gl.PbrMetallicRoughness(
                baseColorFactor=[*linear(srgb).tolist(), 1.0],
                metallicFactor=0.0,
                roughnessFactor=0.7,
            )
            self._gltf.materials.append(
                gl.Material(name=f"track{track_id}", pbrMetallicRoughness=paint)
            )
        return self._materials[track_id]

    def _animate(
        self, node: int, path: str, clock: int, values: FloatArray, kind: str = "LINEAR"
    ) -> None:
        """Key frames of one property of a node; ``clock`` is the accessor of their times."""
        self._animation.channels.append(
            gl.AnimationChannel(
                sampler=len(self._animation.samplers),
                target=gl.AnimationChannelTarget(node=node, path=path),
            )
        )
        self._animation.samplers.append(
            gl.AnimationSampler(input=clock, output=self._store(values), interpolation=kind)
        )

    # -- the bytes ------------------------------------------------------------------------------

    def _store(
        self, array: FloatArray | IntArray, target: int | None = None, bounds: bool = False
    ) -> int:
        """The accessor of an array; equal ones are stored once."""
        data = np.ascontiguousarray(array).tobytes()
        key = (sha256(data).digest(), array.shape, array.dtype.name, target)
        if key in self._stored:
            return self._stored[key]
        gltf = self._gltf
        gltf.bufferViews.append(
            gl.BufferView(buffer=0, byteOffset=self._size, byteLength=len(data), target=target)
        )
        flat = array.reshape(len(array), -1)
        gltf.accessors.append(
            gl.Accessor(
                bufferView=len(gltf.bufferViews) - 1,
                componentType=_COMPONENT[array.dtype.name],
                count=len(array),
                type=_TYPE[array.shape[1:]],
                min=flat.min(axis=0).tolist() if bounds else None,
                max=flat.max(axis=0).tolist() if bounds else None,
            )
        )
        padding = b"\0" * (-len(data) % 4)
        self._data.append(data + padding)
        self._size += len(data) + len(padding)
        self._stored[key] = len(gltf.accessors) - 1
        return self._stored[key]

    def write(self, file: BinaryIO, about: dict[str, Any]) -> None:
        """The whole container: a header, the document, the bytes.

        Raises:
            OutputError: if it is too large for its own header.
        """
        gltf = self._gltf
        if self._has_smpl:
            about = {**about, "surface": _CORRECTIVES}
        about["tracks"] = self._tracks
        gltf.asset = gl.Asset(generator=f"humantrack {__version__}", extras=about)
        if self._animation.channels:
            gltf.animations.append(self._animation)
        if self._size:
            gltf.buffers.append(gl.Buffer(byteLength=self._size))
        text = gltf.gltf_to_json(separators=(",", ":"), indent=None).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + (8 + self._size if self._size else 0)
        if total > _MOST_BYTES:
            raise OutputError(
                "the scene is larger than 4 GiB, the most a .glb can be",
                hint="choose fewer tracks (--tracks) or frames (--frames)",
            )
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        if self._size:
            file.write(struct.pack("<I4s", self._size, b"BIN\0"))
            self._data.pour(file)
