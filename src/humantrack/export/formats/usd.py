"""A stage of animated bodies in Universal Scene Description (UsdSkel).

Source of the layout: OpenUSD's documentation, "UsdSkel" and "UsdGeom".
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from array import array as numbers_of
from pathlib import Path
from typing import Any

import numpy as np

from humantrack._version import __version__
from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS
from humantrack.clips.frames import Batch
from humantrack.errors import DependencyError
from humantrack.export.formats.base import MotionExporter
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.camera_track import CameraTrack
from humantrack.motion.motion import Motion
from humantrack.motion.rig import UP, Rig
from humantrack.motion.spool import chunks
from humantrack.motion.stages import continuous
from humantrack.motion.surface import surface_of
from humantrack.render.palette import identity_colour
from humantrack.results.table import readable
from humantrack.types.arrays import FloatArray

_FILM_MM = 36.0
"""Width of the camera's film; with it the focal length only says the angle of view."""

_NEAR_M, _FAR_M = 0.05, 10000.0
_TEXT = ".usda"

CAMERA_AXES = {
    "y": "x right, y up, z towards the viewer; the origin is the camera",
    "z": "x right, y away from the viewer, z up; the origin is the camera",
}
WORLD_AXES = {
    "y": "y up, the floor at 0; the origin is below the first camera, which looks along -z",
    "z": "z up, the floor at 0; the origin is below the first camera, which looks along y",
}


class Usd(MotionExporter):
    """All tracks in one stage: metres, y up, a time code a frame, from the first one exported.

    Options choose another unit and z up, which the stage says (``metersPerUnit``, ``upAxis``).

    Each person is a ``SkelRoot`` with a skeleton, its animation and a skinned surface, and is
    invisible when not there. The video's camera is at the origin. A name that ends with .usda
    gives text.

    Raises:
        DependencyError: on ``begin``, if usd-core is missing.
    """

    is_timed = True

    def begin(self) -> None:
        """Begin the stage, in a file of its own: USD writes no streams."""
        options = self.options
        self._rig = Rig(up=options.up or "y", unit=options.unit or "m")
        self._stage = _Stage(options.fps or self.facts.fps, self._rig)
        super().begin()
        self._file = self.outputs.open(self.suffix)
        self._shown = numbers_of("d")
        self._camera = CameraTrack()

    def write(self, batch: Batch) -> None:
        """Gather the people, and when the frames were."""
        super().write(batch)
        self._shown.extend(frame.time_s for frame in batch.frames if frame.is_selected)
        if self.in_world:
            self._camera.add(batch.selected)

    @property
    def _start_s(self) -> float:
        return self._shown[0] if self._shown else 0.0

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Add a person to the stage."""
        self._stage.add(motion, rows, self._start_s)

    def finish(self) -> None:
        """Write the stage."""
        super().finish()
        facts = self.facts
        if facts.width and facts.height:
            size = facts.width, facts.height
            if self.in_world and len(self._camera):
                keys = self._camera.key_frames(self._start_s, self._rig)
                self._stage.add_camera(*size, self._camera.focal_px[0], keys)
            elif not self.in_world:
                self._stage.add_camera(*size, self.options.focal_px or float(np.hypot(*size)))
        end_s = self._shown[-1] - self._start_s if self._shown else 0.0
        about = {
            "tool": f"humantrack {__version__}",
            "results": readable(self.source.path.name),
            "start_s": self._start_s,
            "axes": (WORLD_AXES if self.in_world else CAMERA_AXES)[self._rig.up],
        }
        is_text = self.outputs.path(self.suffix).suffix.lower() == _TEXT
        with self._stage.written(end_s, about, is_text=is_text).open("rb") as whole:
            shutil.copyfileobj(whole, self._file)


class _Stage:
    """A stage that grows in a temporary file; what was saved no longer takes memory."""

    def __init__(self, fps: float, rig: Rig) -> None:
        self._fps, self._rig, self._turn = fps, rig, UP[rig.up]
        self._usd = usd = _pxr()
        folder = tempfile.TemporaryDirectory(prefix="humantrack-", ignore_cleanup_errors=True)
        weakref.finalize(self, folder.cleanup)
        self._folder = Path(folder.name)
        self._stage = usd.Usd.Stage.CreateNew(str(self._folder / "scene.usdc"))
        self._stage.SetTimeCodesPerSecond(fps)
        self._stage.SetFramesPerSecond(fps)
        axes = {"y": usd.UsdGeom.Tokens.y, "z": usd.UsdGeom.Tokens.z}
        usd.UsdGeom.SetStageUpAxis(self._stage, axes[rig.up])
        usd.UsdGeom.SetStageMetersPerUnit(self._stage, 1 / rig.scale)
        world = usd.UsdGeom.Xform.Define(self._stage, "/World")
        self._stage.SetDefaultPrim(world.GetPrim())

    def add(self, motion: Motion, rows: slice, start_s: float) -> None:
        """A person, in these rows of a motion; time code 0 is at ``start_s``."""
        usd = self._usd
        path = f"/World/{motion.name.replace('-', '_')}"
        root = usd.UsdSkel.Root.Define(self._stage, path)
        extent = self._animate(motion, rows, start_s, path)
        root.CreateExtentAttr(usd.Vt.Vec3fArrayFromBuffer(extent))
        self._show(root, motion, rows, start_s)
        surface = surface_of(motion.skeleton, motion.betas)
        bind = self._placed(np.linalg.inv(surface.inverse_bind.astype(np.float64)))
        vertices = self._rig.place(surface.vertices).astype(np.float32)
        normals = (surface.normals @ self._turn.T).astype(np.float32)
        skeleton = usd.UsdSkel.Skeleton.Define(self._stage, f"{path}/skeleton")
        skeleton.CreateJointsAttr(_paths())
        skeleton.CreateRestTransformsAttr(
            self._matrices(_moved(self._rig.offsets(motion.skeleton)))
        )
        skeleton.CreateBindTransformsAttr(self._matrices(bind))
        mesh = usd.UsdGeom.Mesh.Define(self._stage, f"{path}/body")
        mesh.CreatePointsAttr(usd.Vt.Vec3fArrayFromBuffer(vertices))
        mesh.CreateNormalsAttr(usd.Vt.Vec3fArrayFromBuffer(normals))
        mesh.SetNormalsInterpolation(usd.UsdGeom.Tokens.vertex)
        mesh.CreateSubdivisionSchemeAttr(usd.UsdGeom.Tokens.none)
        faces = surface.faces.astype(np.int32)
        mesh.CreateFaceVertexCountsAttr(usd.Vt.IntArray(len(faces), 3))
        mesh.CreateFaceVertexIndicesAttr(usd.Vt.IntArrayFromBuffer(faces.ravel()))
        ends = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
        mesh.CreateExtentAttr(usd.Vt.Vec3fArrayFromBuffer(ends))
        colour = (np.array(identity_colour(motion.track_id)) / 255) ** 2.2
        mesh.CreateDisplayColorAttr([usd.Gf.Vec3f(*colour.tolist())])
        width = surface.joints.shape[1]
        skin = usd.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
        joints = usd.Vt.IntArrayFromBuffer(surface.joints.astype(np.int32).ravel())
        skin.CreateJointIndicesPrimvar(False, width).Set(joints)
        weights = usd.Vt.FloatArrayFromBuffer(surface.weights.ravel())
        skin.CreateJointWeightsPrimvar(False, width).Set(weights)
        skin.CreateGeomBindTransformAttr(usd.Gf.Matrix4d(1.0))
        skin.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
        binding = usd.UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
        binding.CreateAnimationSourceRel().SetTargets([f"{path}/motion"])
        self._stage.GetRootLayer().Save()

    def _animate(self, motion: Motion, rows: slice, start_s: float, path: str) -> FloatArray:
        """The animation; gives the corners of the box (2,3) in which the pelvis moves, widened."""
        usd, layer = self._usd, self._stage.GetRootLayer()
        animation = usd.UsdSkel.Animation.Define(self._stage, f"{path}/motion")
        animation.CreateJointsAttr(_paths())
        animation.CreateScalesAttr(usd.Vt.Vec3hArray(len(SMPL_JOINTS), usd.Gf.Vec3h(1)))
        turns = animation.CreateRotationsAttr().GetPath()
        places = animation.CreateTranslationsAttr().GetPath()
        offsets = self._rig.offsets(motion.skeleton).astype(np.float32)
        start, stop, _ = rows.indices(len(motion))
        before: FloatArray | None = None
        corners, row = [], 0
        for part in motion.parts(slice(0, stop)):
            quaternions = continuous(part.quaternions, before)
            before = quaternions[-1]
            here = max(start - row, 0)
            row += len(part)
            # USD keeps a quaternion's real part last. A bone's axes are the stage's, as it rests.
            turned = quaternions[here:][..., [1, 2, 3, 0]]
            turned[..., :3] = turned[..., :3] @ self._turn.T
            turned = turned.astype(np.float32)
            pelvises = self._rig.place(part.pelvis[here:])
            codes = (part.time_s[here:] - start_s) * self._fps
            for turn, pelvis, code in zip(turned, pelvises, codes, strict=True):
                moved = offsets.copy()
                moved[0] = pelvis
                at = round(float(code), 6)
                layer.SetTimeSample(turns, at, usd.Vt.QuatfArrayFromBuffer(turn.copy()))
                layer.SetTimeSample(places, at, usd.Vt.Vec3fArrayFromBuffer(moved))
            layer.Save()
            if len(codes):
                corners += [pelvises.min(axis=0), pelvises.max(axis=0)]
        reach = (float(np.abs(motion.skeleton.rest).max()) + 0.3) * self._rig.scale
        box = np.array([np.min(corners, axis=0) - reach, np.max(corners, axis=0) + reach])
        return box.astype(np.float32)

    def _show(self, root: Any, motion: Motion, rows: slice, start_s: float) -> None:
        """Invisible before the person's first frame and after the last."""
        tokens = self._usd.UsdGeom.Tokens
        visibility = root.CreateVisibilityAttr()
        first_s, last_s = motion.time_s[rows][[0, -1]] - start_s
        first, last = (round(float(s) * self._fps, 6) for s in (first_s, last_s))
        if first > 0:
            visibility.Set(tokens.invisible, 0.0)
        visibility.Set(tokens.inherited, max(first, 0.0))
        visibility.Set(tokens.invisible, last + 1)

    def add_camera(
        self,
        width: int,
        height: int,
        focal_px: float,
        keys: tuple[FloatArray, FloatArray, FloatArray] | None = None,
    ) -> None:
        """The video's camera: through it the bodies cover the people.

        Args:
            width: of the frames.
            height: of the frames.
            focal_px: of the lens.
            keys: as ``CameraTrack.key_frames``; None leaves it at the origin.
        """
        usd = self._usd
        camera = usd.UsdGeom.Camera.Define(self._stage, "/World/camera")
        camera.CreateHorizontalApertureAttr(_FILM_MM)
        camera.CreateVerticalApertureAttr(_FILM_MM * height / width)
        camera.CreateFocalLengthAttr(_FILM_MM * focal_px / width)
        reach = _NEAR_M * self._rig.scale, _FAR_M * self._rig.scale
        camera.CreateClippingRangeAttr(usd.Gf.Vec2f(*reach))
        if keys is None:
            if self._rig.up != "y":
                w, x, y, z = matrix_to_quaternion(self._turn).tolist()
                camera.AddOrientOp().Set(usd.Gf.Quatf(w, x, y, z))
            return
        layer = self._stage.GetRootLayer()
        place, turn = (
            operation.GetAttr().GetPath()
            for operation in (camera.AddTranslateOp(), camera.AddOrientOp())
        )
        for some in chunks(0, len(keys[0])):
            columns = (column[some].tolist() for column in keys)
            for second, position, (x, y, z, w) in zip(*columns, strict=True):
                code = round(second * self._fps, 6)
                layer.SetTimeSample(place, code, usd.Gf.Vec3d(*position))
                layer.SetTimeSample(turn, code, usd.Gf.Quatf(w, x, y, z))
            layer.Save()

    def written(self, end_s: float, about: dict[str, Any], *, is_text: bool) -> Path:
        """The file of the whole stage."""
        self._stage.SetStartTimeCode(0.0)
        self._stage.SetEndTimeCode(round(end_s * self._fps, 6))
        layer = self._stage.GetRootLayer()
        layer.customLayerData = about
        layer.Save()
        if is_text:
            path = self._folder / f"scene{_TEXT}"
            layer.Export(str(path))
            return path
        return self._folder / "scene.usdc"

    def _placed(self, matrices: FloatArray) -> FloatArray:
        """(J,4,4) of the body's axes and metres -> of the stage's."""
        out = matrices.copy()
        out[:, :3, :3] = self._turn @ matrices[:, :3, :3] @ self._turn.T
        out[:, :3, 3] = self._rig.place(matrices[:, :3, 3])
        return out

    def _matrices(self, matrices: FloatArray) -> Any:
        """(J,4,4), which act on columns -> USD's, which act on rows."""
        usd = self._usd
        return usd.Vt.Matrix4dArray([usd.Gf.Matrix4d(m.T.tolist()) for m in matrices])


def _paths() -> list[str]:
    """The joints as USD names them: with their parents."""
    paths: list[str] = []
    for name, parent in zip(SMPL_JOINTS, SMPL_PARENTS, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _moved(offsets: FloatArray) -> FloatArray:
    """(J,3) -> (J,4,4) shifts."""
    matrices = np.tile(np.eye(4), (len(offsets), 1, 1))
    matrices[:, :3, 3] = offsets
    return matrices


def _pxr() -> Any:
    try:
        import pxr
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt  # noqa: F401 - parts of pxr from now on
    except ImportError as error:
        raise DependencyError(
            f"usd needs usd-core ({error})", hint="install it: pip install 'humantrack[usd]'"
        ) from error
    return pxr
