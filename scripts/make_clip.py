"""Draw a test clip from a scene file: FOLDER/NAME.mp4 and its ground truth FOLDER/NAME_gt.npz.

Everything seen is computed here from the shipped body, so the clips are nobody else's pictures.
The scenes of the shipped clips are scripts/scenes/demo.json and demo_small.json. Afterwards the
result is compared with the shipped clip of the same name, if there is one. Needs scipy, OpenCV and
PyAV; whether the video has the same bits depends on the libx264 that PyAV brings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import numpy as np
from lib.origin import REPOSITORY, same_as_shipped
from lib.painter import paint, visible_faces
from lib.room import add_shadow, draw_room
from lib.scene import Camera, Scene, read_scene
from lib.walker import Posed, Walker

SHIPPED = REPOSITORY / "tests" / "data"
TOLERANCE = 1e-6
"""Of the ground truth, in its units."""
LEAST_PSNR_DB = 35
"""Another libx264 may spend its bits otherwise; less than this is another picture."""
LEAST_PX = 30
"""A figure that fills less of the picture is not annotated."""


class GroundTruth:
    """Annotations of T frames and P people; absent people have NaN boxes and zeros elsewhere."""

    def __init__(self, scene: Scene) -> None:
        size = scene.frame_count, len(scene.people)
        self.rest_joints = np.zeros((size[1], 24, 3), np.float32)
        self.box, self.box_full = (np.full((*size, 4), np.nan, np.float32) for _ in range(2))
        self.visible = np.zeros(size, np.float32)
        self.rotations = np.zeros((*size, 24, 3, 3), np.float32)
        self.transl = np.zeros((*size, 3), np.float32)
        self.joints3d = np.zeros((*size, 24, 3), np.float32)
        self.joints2d = np.zeros((*size, 24, 2), np.float32)

    def add(self, frame: int, person: int, figure: Posed, camera: Camera) -> None:
        """Annotate a figure."""
        at = frame, person
        outline = camera.project(figure.vertices)[:, :2]
        full = np.concatenate([outline.min(0), outline.max(0)])
        limit = [camera.width, camera.height] * 2
        self.box[at], self.box_full[at] = np.clip(full, 0, limit), full
        self.rotations[at], self.transl[at] = figure.rotations, figure.translation
        self.joints3d[at] = figure.joints
        self.joints2d[at] = camera.project(figure.joints)[:, :2]

    def save(self, path: Path, scene: Scene) -> None:
        """Write the npz."""
        camera = scene.camera
        present = ~np.isnan(self.box[..., 0])
        np.savez_compressed(
            path,
            ids=np.arange(len(scene.people), dtype=np.int32),
            present=present,
            betas=np.array([person.betas for person in scene.people], np.float32),
            rest_joints=self.rest_joints,
            K=camera.matrix,
            size=np.array(scene.size_px, np.int32),
            fps=np.float32(scene.fps),
            camera_rotation=camera.rotation.astype(np.float32),
            camera_height=np.float32(camera.height_m),
            box=self.box,
            box_full=self.box_full,
            visible=np.where(present, self.visible, 0),
            global_orient=self.rotations[:, :, 0],
            body_pose=self.rotations[:, :, 1:],
            transl=self.transl,
            joints3d=self.joints3d,
            joints2d=self.joints2d,
        )


class ClipWriter:
    """H.264 in mp4, one thread, so that the bits do not depend on the machine's cores."""

    def __init__(self, path: Path, scene: Scene) -> None:
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=scene.fps)
        self._stream.width, self._stream.height = scene.size_px
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(scene.crf), "preset": "slow"}
        self._stream.codec_context.thread_count = 1

    def __enter__(self) -> ClipWriter:
        return self

    def write(self, image: np.ndarray) -> None:
        """Append (H,W,3) RGB."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    def __exit__(self, *error: object) -> None:
        self._container.mux(self._stream.encode())
        self._container.close()


def draw(scene: Scene, clip: Path, annotations: Path) -> None:
    """Draw all frames and write both files."""
    camera, truth = scene.camera, GroundTruth(scene)
    walkers = [Walker(person, scene.frame_count, scene.fps) for person in scene.people]
    truth.rest_joints[:] = [walker.body.rest_joints for walker in walkers]
    room = draw_room(camera, scene.room)
    with ClipWriter(clip, scene) as writer:
        for frame in range(scene.frame_count):
            writer.write(draw_frame(frame, room, walkers, camera, truth))
            if (frame + 1) % scene.fps == 0:
                print(f"{clip.name}: {frame + 1} of {scene.frame_count} frames", flush=True)
    truth.save(annotations, scene)


def draw_frame(
    frame: int, room: np.ndarray, walkers: list[Walker], camera: Camera, truth: GroundTruth
) -> np.ndarray:
    """One picture (H,W,3) uint8; its annotations are added to ``truth``."""
    figures = {k: w.at(frame, camera) for k, w in enumerate(walkers) if w.present[frame]}
    far_first = sorted(figures, key=lambda k: -figures[k].joints[0, 2])
    image = room
    for k in far_first:
        image = add_shadow(image, figures[k].joints[0], camera)
    seen: dict[int, np.ndarray] = {}
    for k in far_first:
        figure, body = figures[k], walkers[k].body
        projected = camera.project(figure.vertices)
        image, cover = paint(image, projected, figure.vertices, body.faces, body.colour)
        seen = {other: share * (1 - cover) for other, share in seen.items()} | {k: cover}
        if cover.sum() >= LEAST_PX:
            truth.add(frame, k, figure, camera)
    for k, share in seen.items():
        whole = silhouette_px(camera.project(figures[k].vertices), walkers[k].body.faces)
        truth.visible[frame, k] = min(1.0, share.sum() / whole)
    return image


def silhouette_px(projected: np.ndarray, faces: np.ndarray) -> int:
    """Pixels of a figure's silhouette as if nothing cut or hid it."""
    low = np.floor(projected[:, :2].min(0)) - 1
    width, height = (np.ceil(projected[:, :2].max(0)) + 1 - low).astype(int)
    return int((visible_faces(projected - [*low, 0], faces, height, width) >= 0).sum())


def psnr(ours: Path, theirs: Path) -> float:
    """Peak signal to noise ratio of two clips of equal length in dB; infinite if they are equal."""
    squares = count = 0
    with av.open(str(ours)) as a, av.open(str(theirs)) as b:
        for left, right in zip(a.decode(video=0), b.decode(video=0), strict=True):
            x, y = (frame.to_ndarray(format="rgb24").astype(np.int64) for frame in (left, right))
            squares, count = squares + int(((x - y) ** 2).sum()), count + x.size
    return float("inf") if squares == 0 else 10 * np.log10(255**2 * count / squares)


def largest_difference(ours: Path, theirs: Path) -> float:
    """Of any number in two npz files; infinite if names, shapes or NaNs differ."""
    with np.load(ours) as a, np.load(theirs) as b:
        if a.files != b.files or any(a[k].shape != b[k].shape for k in a.files):
            return float("inf")
        worst = 0.0
        for name in a.files:
            x, y = a[name].astype(float), b[name].astype(float)
            if not np.array_equal(np.isnan(x), np.isnan(y)):
                return float("inf")
            worst = max(worst, float(np.nanmax(np.abs(x - y), initial=0)))
    return worst


def compare(clip: Path, annotations: Path) -> bool:
    """Print how far the files are from the shipped ones; whether they agree."""
    same_as_shipped(clip, SHIPPED / clip.name)
    ratio = psnr(clip, SHIPPED / clip.name)
    same_as_shipped(annotations, SHIPPED / annotations.name)
    worst = largest_difference(annotations, SHIPPED / annotations.name)
    print(f"PSNR of the video: {ratio:.1f} dB (at least {LEAST_PSNR_DB})")
    print(f"largest difference of the ground truth: {worst:.3g} (at most {TOLERANCE})")
    return ratio >= LEAST_PSNR_DB and worst <= TOLERANCE


def main() -> int:
    """Exit status: 0 if the clip agrees with the shipped one or there is none, else 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scene", type=Path, help="scene file; its name names the clip")
    parser.add_argument("folder", type=Path, help="where the clip is written")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    clip = arguments.folder / f"{arguments.scene.stem}.mp4"
    annotations = clip.with_name(f"{clip.stem}_gt.npz")
    draw(read_scene(arguments.scene), clip, annotations)
    if not (SHIPPED / clip.name).exists():
        return 0
    return 0 if compare(clip, annotations) else 1


if __name__ == "__main__":
    raise SystemExit(main())
