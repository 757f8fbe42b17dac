"""Tracks frames that a program gets from somewhere: a camera, a simulator, a network.

Here PyAV decodes them from a clip; any iterable of (H,W,3) uint8 RGB arrays will do.

usage: python examples/frames_from_elsewhere.py CLIP
"""

import sys
from collections.abc import Iterator

import av
import numpy as np

import humantrack


def frames_of(clip: str) -> Iterator[np.ndarray]:
    """(H,W,3) uint8 RGB, one after the other."""
    with av.open(clip) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def main(clip: str) -> None:
    """Print where everyone is, frame by frame, as soon as a frame is final."""
    for record in humantrack.iter_track(frames_of(clip), fps=30):
        for person in record.people:
            x, y, z = person.observation.cam_t  # of the root; metres, right, down, away
            print(f"{record.index:4d}  person {person.track_id}  {x:6.2f} {y:6.2f} {z:6.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
