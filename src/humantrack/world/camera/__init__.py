"""How the camera moves: followed in the pass over the video, solved afterwards, or given.

In a run, ``CameraSink(evidence_path(results))`` is one more sink; a checkpoint that is resumed is
looked at with ``check_evidence``. Afterwards, and without the video::

    path = solve(EvidenceFile(evidence_path(results)), focal_px=700.0, kind="auto")

A camera that the user has solved already: ``read_camera_file``. With pycolmap: ``need_colmap()``
first, ``ColmapFrames(folder)`` as a sink (or fed from the video again), then
``solve_with_colmap(folder, path, size, ...)`` on the path that ``solve`` gave.
"""

from humantrack.world.camera.colmap import ColmapFrames, need_colmap, solve_with_colmap
from humantrack.world.camera.evidence import EvidenceFile, FrameTracks
from humantrack.world.camera.given import read_camera_file
from humantrack.world.camera.given_json import camera_json
from humantrack.world.camera.sink import CameraSink
from humantrack.world.camera.solve import SOLVED_KINDS, solve
from humantrack.world.camera.writer import check_evidence, evidence_path

__all__ = [
    "SOLVED_KINDS",
    "CameraSink",
    "ColmapFrames",
    "EvidenceFile",
    "FrameTracks",
    "camera_json",
    "check_evidence",
    "evidence_path",
    "need_colmap",
    "read_camera_file",
    "solve",
    "solve_with_colmap",
]
