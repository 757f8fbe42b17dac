"""The embedded estimator: boxes -> landmarks -> bodies, with a memory of the last frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from humantrack import models
from humantrack.blazepose.boxes import round_bodies
from humantrack.blazepose.colours import SIGNATURE_SIZE
from humantrack.blazepose.fit import Seen, fit_bodies
from humantrack.blazepose.girth import EVERY, girths_along_lines
from humantrack.blazepose.masks import image_masks
from humantrack.blazepose.memory import Memory, Recent, Remembered
from humantrack.blazepose.mirror import MIRROR
from humantrack.blazepose.network import LandmarkNetwork
from humantrack.blazepose.people import STRONG, Look, Search, Sightings, find_people
from humantrack.blazepose.proportions import Proportions, picture_scale
from humantrack.blazepose.smoothing import LandmarkFilter
from humantrack.blazepose.trust import joint_trust
from humantrack.body import Mannequin
from humantrack.body.shape import betas_from_lengths, bone_lengths
from humantrack.geometry.boxes import NETWORK_ASPECT, Aspect, expand_to_aspect, iou
from humantrack.types import (
    CODE_SIZE,
    Appearance,
    BodyBatch,
    Detections,
    Frame,
    JointSource,
    People,
    Revision,
)
from humantrack.types.arrays import FloatArray, IntArray

_OLD_SHARE = 0.3
"""Share of the old side and angle in a new region: world landmarks jump with the region's size."""

_APART = 0.05
"""Boxes that overlap by more (IoU): one person may hide another's outline."""

_MOST_RECENT = 16
"""Frames of a person that are kept to be put right; what is final by then is left as it is."""


class BlazePoseEstimator:
    """Turns boxes into bodies with BlazePose's landmarks and inverse kinematics.

    People are followed over a few frames, to look where they were, to smooth, and to find those
    whose box is missing. These short memories give no identities; the tracker does.

    Args:
        body: the body model whose joints are fitted to the landmarks.
        model: the landmark network, ``models.BLAZEPOSE_HEAVY`` or ``models.BLAZEPOSE``.
        smooth: filter the landmarks over time.
        masks: give silhouettes.
        threads: see :func:`humantrack.models.session`.
        aspect: (width, height) boxes are grown to, which the crop cameras refer to; None: as found.
        strong: score from which on a box is believed where nobody is expected.
        look: finds everybody in a frame in which the detector rested; asked where one of those
            followed is lost.
    """

    def __init__(
        self,
        body: Mannequin,
        *,
        model: str = models.BLAZEPOSE_HEAVY,
        smooth: bool = True,
        masks: bool = True,
        threads: int | None = None,
        aspect: Aspect | None = NETWORK_ASPECT,
        strong: float = STRONG,
        look: Look | None = None,
    ) -> None:
        self._body, self._smooth, self._masks = body, smooth, masks
        self._strong = strong
        self._aspect = aspect
        self._network = LandmarkNetwork(threads, model)
        self._mean_lengths = bone_lengths(body.rest_joints())
        self.look = look
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
        self._memory.load_state_dict(state, self._mean_lengths)

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame.

        Strong boxes are dropped where the network sees a body twice; weak boxes where they
        continue nobody. People without a detection are added (``source`` -1): all of them where
        the detector rested, and those who lost their box for a moment.
        """
        out, search = [], None
        for i, (frame, found) in enumerate(zip(frames, detections, strict=True)):
            coming = frames[i + 1] if i + 1 < len(frames) else None
            people, search = self._one(frame, found, search or self._begin(frame), coming)
            out.append(people)
        return out

    def _begin(self, frame: Frame) -> Search:
        """Begin to look for people; nobody is remembered across a cut."""
        if self._is_new_scene(frame):
            self._memory.clear()
            self._shape = frame.rgb.shape
        return Search(self._network, frame, self._memory)

    def _is_new_scene(self, frame: Frame) -> bool:
        return frame.is_shot_start or frame.rgb.shape != self._shape

    def _one(
        self, frame: Frame, detections: Detections, search: Search, coming: Frame | None
    ) -> tuple[People, Search | None]:
        """The people of a frame, and the search in the coming one if it could be begun.

        As soon as it is known where everybody is, the network goes on to the coming frame, while
        the bodies of this one are made.
        """
        found, used = find_people(search, detections, strong=self._strong, look=self.look)
        people = self._remember(found, frame)
        ahead = None
        if coming is not None and not self._is_new_scene(coming):
            ahead = self._begin(coming)
        seen, mixed_up = self._prepare(frame, found, people)
        betas = self._shapes(seen, found, people)
        bodies = fit_bodies(seen, betas, self._body)
        self._see_girths(found, people, bodies, seen)
        revised = self._revise(frame, seen, mixed_up, people)
        # Rows of what was looked for in between say nothing of the detections handed in.
        source = found.source if used is detections else np.full(len(found.source), -1)
        return self._package(frame, used, found, source, bodies, seen, revised), ahead

    def _remember(self, found: Sightings, frame: Frame) -> list[Remembered]:
        """Renew the memory; gives the remembered person behind each sighting."""
        numbers = self._memory.recognise(found.box, found.signature)
        is_detected = found.source >= 0
        round_them = np.zeros((len(is_detected), 4))
        round_them[is_detected] = round_bodies(
            found.landmarks[np.flatnonzero(is_detected)], frame.height, frame.width
        )
        people = []
        for i, number in enumerate(numbers):
            flag, region = float(found.landmarks.flag[i]), found.landmarks.next_region[i]
            if number >= 0:
                person = self._memory.people[number]
                region = _calmed(region, person.region)
                person.see(found.box[i], region, flag, found.signature[i])
            else:
                person = Remembered(found.box[i], region, flag, found.signature[i])
            person.is_guess = bool(found.guess[i] != JointSource.SEEN)
            person.tries = person.tries + 1 if person.is_guess else 0
            if is_detected[i]:
                person.score = float(found.score[i])
                if not person.is_guess:
                    person.compare(found.box[i], round_them[i])
            people.append(person)
        self._memory.after_frame(people)
        return people

    def _prepare(
        self, frame: Frame, found: Sightings, people: list[Remembered]
    ) -> tuple[Seen, list[bool]]:
        """Landmarks, once left and right are sorted out and noise is smoothed."""
        landmarks = found.landmarks
        is_seen = found.guess == JointSource.SEEN
        world = landmarks.world.copy()
        world[is_seen] = self._network.corrections(world[is_seen])
        xy, visibility = landmarks.xy_px.copy(), landmarks.visibility.copy()
        mixed_up = [False] * len(people)
        for i, person in enumerate(people):
            if not is_seen[i]:
                continue
            mixed_up[i] = person.guard(world[i], frame.time_s)
            if person.guard.was_wrong:  # what the filter holds is the other way round
                person.smoother = LandmarkFilter()
            if mixed_up[i]:
                xy[i], world[i], visibility[i] = _swapped(xy[i], world[i], visibility[i])
            if self._smooth:
                side = float(landmarks.region[i, 2])
                xy[i], world[i] = person.smoother(
                    xy[i], world[i], time_s=frame.time_s, side_px=side
                )
            person.last = found.box[i], xy[i], world[i], visibility[i]
        return Seen(
            xy_px=xy,
            world=world,
            visibility=visibility,
            padded_xyxy_px=expand_to_aspect(found.box, self._aspect),
            height=frame.height,
            width=frame.width,
        ), mixed_up

    def _shapes(self, seen: Seen, found: Sightings, people: list[Remembered]) -> FloatArray:
        """(N,10) each person's shape, after what this frame shows of it."""
        if not people:
            return np.zeros((0, 10))
        for person in people:
            if person.proportions is None:
                person.proportions = Proportions(self._mean_lengths)
        kept = [p.proportions for p in people if p.proportions is not None]
        bones = seen.spans()
        scale = picture_scale(bones, np.array([k.lengths for k in kept]), seen.least_scale)
        for i, proportions in enumerate(kept):
            if found.guess[i] == JointSource.SEEN:
                proportions.see(bones, i, float(scale[i]))
        return self._betas(people)

    def _betas(self, people: Sequence[Remembered]) -> FloatArray:
        """(N,10) what is known of their shapes."""
        kept = [p.proportions for p in people if p.proportions is not None]
        girth = np.array([person.girth.beta for person in people])
        return betas_from_lengths(self._body, np.array([k.lengths for k in kept]), girth=girth)

    def _see_girths(
        self, found: Sightings, people: list[Remembered], bodies: BodyBatch, seen: Seen
    ) -> None:
        """Measure the silhouettes of those who stand by themselves, now and then."""
        overlap = iou(found.box, found.box) - np.eye(len(people))
        for i, person in enumerate(people):
            is_due = person.hits % EVERY == 0 and found.guess[i] == JointSource.SEEN
            if not is_due or overlap[i].max(initial=0) > _APART:
                continue
            segmentation, region = found.landmarks.segmentation[i], found.landmarks.region[i]
            person.girth.see(
                girths_along_lines(
                    self._body, bodies, i, segmentation, region, seen.height, seen.width
                )
            )

    def _revise(
        self, frame: Frame, seen: Seen, mixed_up: list[bool], people: list[Remembered]
    ) -> tuple[tuple[Revision, ...], ...]:
        """Bodies of earlier frames, of those whose left and right turn out to be the other way."""
        out = []
        for i, person in enumerate(people):
            changed = bool(person.recent) and person.guard.was_wrong
            out.append(tuple(self._swapped_back(person)) if changed else ())
            here = Recent(
                frame_index=frame.index,
                row=i,
                is_swapped=mixed_up[i],
                xy_px=seen.xy_px[i],
                world=seen.world[i],
                visibility=seen.visibility[i],
                padded_xyxy_px=seen.padded_xyxy_px[i],
            )
            person.recent = (*person.recent, here)[-_MOST_RECENT:]
        return tuple(out)

    def _swapped_back(self, person: Remembered) -> list[Revision]:
        wrong = [one for one in person.recent if one.is_swapped]
        person.recent = ()
        if not wrong or person.proportions is None or self._shape is None:
            return []
        back = [_swapped(one.xy_px, one.world, one.visibility) for one in wrong]
        xy, world, visibility = (np.stack(points) for points in zip(*back, strict=True))
        seen = Seen(
            xy_px=xy,
            world=world,
            visibility=visibility,
            padded_xyxy_px=np.stack([one.padded_xyxy_px for one in wrong]),
            height=self._shape[0],
            width=self._shape[1],
        )
        betas = self._betas([person])
        bodies = fit_bodies(seen, np.repeat(betas, len(wrong), axis=0), self._body)
        return [
            Revision(frame_index=one.frame_index, row=one.row, bodies=bodies[[k]])
            for k, one in enumerate(wrong)
        ]

    def _package(  # noqa: PLR0917
        self,
        frame: Frame,
        detections: Detections,
        found: Sightings,
        source: IntArray,
        bodies: BodyBatch,
        seen: Seen,
        revised: tuple[tuple[Revision, ...], ...],
    ) -> People:
        n = len(found.source)
        boxes = found.box.astype(np.float32)
        code = np.zeros((n, CODE_SIZE), np.float32)
        code[:, :SIGNATURE_SIZE] = found.signature
        mask = None
        if self._masks:
            at = found.landmarks.region
            mask = image_masks(found.landmarks.segmentation, at, boxes, frame.height, frame.width)
        notes, ids = detections.annotation, detections.gt_id
        rows = found.source
        return People(
            detections=Detections(
                xyxy_px=boxes,
                score=found.score.astype(np.float32),
                class_id=np.where(rows < 0, 0, np.append(detections.class_id, 0)[rows]),
                mask=mask,
                gt_id=None if ids is None else ids[rows],
                annotation=None if notes is None else tuple(notes[int(i)] for i in rows),
            ),
            bodies=bodies,
            appearance=Appearance(code=code),
            padded_xyxy_px=expand_to_aspect(boxes, self._aspect),
            source=np.asarray(source, np.int64),
            trust=joint_trust(seen, bodies, found.guess),
            revised=revised,
        )


def _swapped(
    xy_px: FloatArray, world: FloatArray, visibility: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One person's points with left and right changed over."""
    mirror = list(MIRROR)
    return xy_px[mirror], world[mirror], visibility[mirror]


def _calmed(region: FloatArray, old: FloatArray) -> FloatArray:
    """A region whose side and angle keep a share of the old; the centre is free."""
    out = region.copy()
    out[2] += _OLD_SHARE * (old[2] - region[2])
    turn = (old[3] - region[3] + np.pi) % (2 * np.pi) - np.pi
    out[3] += _OLD_SHARE * turn
    return out
