"""The embedded estimator: boxes -> landmarks -> bodies, with a memory of the last frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from humantrack.blazepose.colours import SIGNATURE_SIZE
from humantrack.blazepose.fit import fit_bodies
from humantrack.blazepose.masks import image_masks
from humantrack.blazepose.memory import Memory, Remembered
from humantrack.blazepose.network import LandmarkNetwork
from humantrack.blazepose.people import STRONG, Sightings, find_people
from humantrack.blazepose.turn_guard import MIRROR
from humantrack.body import Mannequin
from humantrack.geometry.boxes import NETWORK_ASPECT, Aspect, expand_to_aspect
from humantrack.types import CODE_SIZE, Appearance, BodyBatch, Detections, Frame, People
from humantrack.types.arrays import FloatArray

_OLD_SHARE = 0.3
"""Share of the old side and angle in a new region: world landmarks jump with the region's size."""


class BlazePoseEstimator:
    """Turns boxes into bodies with BlazePose's landmarks and inverse kinematics.

    People are followed over a few frames, to look where they were, to smooth, and to find those
    whose box is missing. These short memories give no identities; the tracker does.

    Args:
        body: the body model whose joints are fitted to the landmarks.
        smooth: filter the landmarks over time.
        masks: give silhouettes.
        threads: see :func:`humantrack.models.session`.
        aspect: (width, height) boxes are grown to, which the crop cameras refer to; None: as found.
        strong: score from which on a box is believed where nobody is expected.
    """

    def __init__(
        self,
        body: Mannequin,
        *,
        smooth: bool = True,
        masks: bool = True,
        threads: int | None = None,
        aspect: Aspect | None = NETWORK_ASPECT,
        strong: float = STRONG,
    ) -> None:
        self._body, self._smooth, self._masks = body, smooth, masks
        self._strong = strong
        self._aspect = aspect
        self._network = LandmarkNetwork(threads)
        self.reset()

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._memory = Memory()
        self._shape: tuple[int, ...] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The people whom the next frame may show again."""
        return {"shape": self._shape, **self._memory.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""
        self._shape = state["shape"]
        self._memory.load_state_dict(state)

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame.

        Strong boxes are dropped where the network sees nobody or a body twice; weak boxes where
        they continue nobody; people without a detection for a moment are added (``source`` -1).
        """
        return [self._one(f, d) for f, d in zip(frames, detections, strict=True)]

    def _one(self, frame: Frame, detections: Detections) -> People:
        if frame.is_shot_start or frame.rgb.shape != self._shape:
            self._memory.clear()
            self._shape = frame.rgb.shape
        found = find_people(self._network, frame, detections, self._memory, strong=self._strong)
        people = self._remember(found)
        bodies = self._fit(frame, found, people)
        return self._package(frame, detections, found, bodies)

    def _remember(self, found: Sightings) -> list[Remembered]:
        """Renew the memory; gives the remembered person behind each sighting."""
        numbers = self._memory.recognise(found.box, found.signature)
        people = []
        for i, number in enumerate(numbers):
            flag, region = float(found.landmarks.flag[i]), found.landmarks.next_region[i]
            if number >= 0:
                person = self._memory.people[number]
                region = _calmed(region, person.region)
                person.see(found.box[i], region, flag, found.signature[i])
            else:
                person = Remembered(found.box[i], region, flag, found.signature[i])
            people.append(person)
        self._memory.after_frame(people)
        return people

    def _fit(self, frame: Frame, found: Sightings, people: list[Remembered]) -> BodyBatch:
        """Bodies from the landmarks, once left and right are sorted out and noise is smoothed."""
        landmarks = found.landmarks
        xy, world, visibility = landmarks.xy_px, landmarks.world, landmarks.visibility
        xy, world, visibility = xy.copy(), world.copy(), visibility.copy()
        for i, person in enumerate(people):
            if person.guard(world[i]):
                for points in (xy, world, visibility):
                    points[i] = points[i, MIRROR]
            if self._smooth:
                side = float(landmarks.region[i, 2])
                xy[i], world[i] = person.smoother(
                    xy[i], world[i], time_s=frame.time_s, side_px=side
                )
        return fit_bodies(
            xy,
            world,
            visibility,
            expand_to_aspect(found.box, self._aspect),
            frame.height,
            frame.width,
            self._body,
        )

    def _package(
        self, frame: Frame, detections: Detections, found: Sightings, bodies: BodyBatch
    ) -> People:
        n = len(found.source)
        source, boxes = found.source.astype(np.int64), found.box.astype(np.float32)
        code = np.zeros((n, CODE_SIZE), np.float32)
        code[:, :SIGNATURE_SIZE] = found.signature
        mask = None
        if self._masks:
            at = found.landmarks.region
            mask = image_masks(found.landmarks.segmentation, at, boxes, frame.height, frame.width)
        notes, ids = detections.annotation, detections.gt_id
        return People(
            detections=Detections(
                xyxy_px=boxes,
                score=found.score.astype(np.float32),
                class_id=np.where(source < 0, 0, np.append(detections.class_id, 0)[source]),
                mask=mask,
                gt_id=None if ids is None else ids[source],
                annotation=None if notes is None else tuple(notes[int(i)] for i in source),
            ),
            bodies=bodies,
            appearance=Appearance(code=code),
            padded_xyxy_px=expand_to_aspect(boxes, self._aspect),
            source=source,
        )


def _calmed(region: FloatArray, old: FloatArray) -> FloatArray:
    """A region whose side and angle keep a share of the old; the centre is free."""
    out = region.copy()
    out[2] += _OLD_SHARE * (old[2] - region[2])
    turn = (old[3] - region[3] + np.pi) % (2 * np.pi) - np.pi
    out[3] += _OLD_SHARE * turn
    return out
