"""What the fake service answers about options, files and charts."""

from __future__ import annotations

from typing import Any

import numpy as np

from humantrack.geometry.rotations import quaternion_to_matrix
from humantrack.motion.angles import NAMES, joint_angles
from humantrack.service.workers.charts import ANGLES, speed_of

_FORMATS = ("json", "jsonl", "csv", "parquet", "txt", "coco.json", "phalp.pkl", "glb")
_PER_TRACK = ("npz", "bvh", "trc", "blender.pkl")

OVERRIDES = {
    "start_time": {"type": "time", "choices": None, "help": "Start, as 90, 1m30s or 00:01:30."},
    "end_time": {"type": "time", "choices": None, "help": "", "default": None},
    "detect_shots": {"type": "boolean", "choices": None, "help": "Find cuts.", "default": False},
    "render.type": {
        **{"type": "string", "choices": ["HUMAN_MESH", "SKELETON"], "help": ""},
        "default": "HUMAN_MESH",
    },
}


def files_of(timeline: dict[str, Any], url: str, *, has_overlay: bool) -> list[dict[str, Any]]:
    """The files of a job, below an address; the first two are ready."""
    names = ["overlay.mp4", "results.pkl", *(f"results.{suffix}" for suffix in _FORMATS)]
    names = names if has_overlay else names[1:]
    names += [
        f"results_track{track['track_id']}.{suffix}"
        for suffix in _PER_TRACK
        for track in timeline["tracks"]
    ]
    return [
        {
            **{"name": n, "media_type": "", "size": 622347, "ready": i < 2, "url": url + n},
            "format": n.rpartition(".")[2] if "_track" in n else None,
        }
        for i, n in enumerate(names)
    ]


def chart_of(frames: list[dict[str, Any]], track_id: int) -> dict[str, Any] | None:
    """As the service makes it, of the people of the frames as they are."""
    seen = [
        (frame["time_s"], person)
        for frame in frames
        for person in frame["people"]
        if person["track_id"] == track_id
    ]
    if not seen:
        return None
    turns = quaternion_to_matrix(np.array([person["rotations"] for _, person in seen]))
    angles = joint_angles(turns).T.tolist()
    series = {key: angles[NAMES.index(key)] for key in ANGLES}
    places = np.array([person["pelvis"] for _, person in seen])
    time_s = [time_s for time_s, _ in seen]
    series["hip_speed"] = speed_of(np.array(time_s), places).tolist()
    series["hip_height"] = (places[:, 1] + 1.0).tolist()
    about = {"track_id": track_id, "space": "camera", "height_above": "feet"}
    observed = [int(person["state"] == "observed") for _, person in seen]
    return {**about, "time_s": time_s, "observed": observed, "series": series}
