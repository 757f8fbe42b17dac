"""A tracker with a further model that looks at every person; its answers go into the results.

The model here is as simple as one can be: the mean colour of the middle of the box. A reader of
jersey numbers or an action classifier would stand in the same place.

usage: python examples/extra_model.py CLIP [OUTPUT FOLDER]
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from humantrack import BlazePose_4dhuman, Detections, Frame, load_config, load_results


class WithShirtColour(BlazePose_4dhuman):
    """The embedded tracker, and a colour for every person."""

    def run_additional_models(
        self, frames: Sequence[Frame], detections: Sequence[Detections]
    ) -> list[Sequence[Any]]:
        """For each frame, one answer per detection: [R, G, B], 0..255."""
        return [
            [shirt_colour(frame.rgb, box) for box in found.xyxy_px]
            for frame, found in zip(frames, detections, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """The model remembers no earlier frame, so an unfinished run can be resumed as before."""
        return super().state_dict()


def shirt_colour(rgb: np.ndarray, box: np.ndarray) -> list[int]:
    """[R, G, B] in the middle third of a box (xyxy, pixels), at the height of the chest."""
    height, width = rgb.shape[:2]
    left, top, right, bottom = box
    columns = left + (right - left) * np.array([1 / 3, 2 / 3])
    rows = top + (bottom - top) * np.array([0.2, 0.45])
    x0, x1 = columns.clip(0, width).round().astype(int)
    y0, y1 = rows.clip(0, height).round().astype(int)
    patch = rgb[y0:y1, x0:x1].reshape(-1, 3)
    return [round(float(c)) for c in patch.mean(axis=0)] if len(patch) else [0, 0, 0]


def main(clip: str, output_dir: str = "outputs") -> None:
    """Track, and print each person's usual colour."""
    keys = {"video.source": clip, "video.output_dir": output_dir, "render.enable": False}
    summary = WithShirtColour(load_config(keys)).track()
    colours: dict[int, list[Any]] = {}
    for record in load_results(summary.results).records:
        for person in record.people:
            extra = person.observation.extra
            if person.missed == 0 and extra is not None:  # None: found without the detector
                colours.setdefault(person.track_id, []).append(extra)
    for track_id, seen in sorted(colours.items()):
        red, green, blue = np.median(np.array(seen), axis=0)
        print(f"person {track_id}: #{int(red):02x}{int(green):02x}{int(blue):02x}")


if __name__ == "__main__":
    main(*sys.argv[1:])
