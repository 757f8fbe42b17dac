"""The embedded estimator: boxes -> landmarks -> bodies, with a memory of the last frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from humantrack import models
from humantrack.blazepose.boxes import round_bodies
from humantrack.blazepose.colours import SIGNATURE_SIZE
from humantrack.blazepose.fit import Seen, fit_bodies
from humantrack.blazepose.joining import Joining, evidence_in, evidence_of, known
from humantrack.blazepose.making import (
    MOST_TOGETHER,
    Made,
    Waiting,
    due,
    lengths_after,
    make_bodies,
)
from humantrack.blazepose.masks import image_masks
from humantrack.blazepose.memory import Memory, Recent, Remembered, calmed
from humantrack.blazepose.mirror import swapped
from humantrack.blazepose.network import LandmarkNetwork
from humantrack.blazepose.people import STRONG, Look, Sightings, find_people
from humantrack.blazepose.searches import Searches
from humantrack.blazepose.smoothing import LandmarkFilter
from humantrack.body import Mannequin
from humantrack.body.shape import betas_from_lengths, bone_lengths
from humantrack.geometry.boxes import NETWORK_ASPECT, Aspect, expand_to_aspect
from humantrack.types import (
    CODE_SIZE,
    Appearance,
    Detections,
    Frame,
    JointSource,
    Observation,
    People,
    Revision,
    Settled,
)
from humantrack.types.arrays import IntArray
from humantrack.types.stages import passes_mark, since_mark

_SMOOTHING_S = 1.5
"""Until smoothing has forgotten what was before: after one second 0.01 mm of a landmark is left."""

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
        self._threads = threads
        self._network = LandmarkNetwork(threads, model)
        self._mean_lengths = bone_lengths(body.rest_joints())
        self._joining = Joining(body)
        self.look = look
        self.reset()

    @property
    def model(self) -> str:
        """The landmark network."""
        return self._network.model

    def use(self, model: str) -> None:
        """Go on with this landmark network from the next frame on; it is loaded now."""
        if model != self._network.model:
            self._network = LandmarkNetwork(self._threads, model)
            self._network.load()

    @property
    def warm_up_s(self) -> float:
        """A multiple of ``FRESH_S``, and the time after it that smoothing takes to forget."""
        return self.warm_up_before(math.inf)

    @staticmethod
    def warm_up_before(begin_s: float) -> float:
        """Seconds before a part that begins there."""
        return since_mark(begin_s, _SMOOTHING_S)

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._memory = Memory()
        self._shape: tuple[int, ...] | None = None
        self._time_s: float | None = None
        self._joining.reset()

    def state_dict(self) -> dict[str, Any]:
        """The people whom the next frame may show again."""
        return {
            "shape": self._shape,
            "time_s": self._time_s,
            "joining": self._joining.state_dict(),
            **self._memory.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""
        self._shape, self._time_s = state["shape"], state["time_s"]
        self._memory.load_state_dict(state, self._mean_lengths)
        self._joining.load_state_dict(state["joining"])

    def begin_part(self) -> list[dict[str, Any]]:
        """Who is known at the beginning of a part; their bodies get evidence from now on."""
        for number, person in enumerate(self._memory.people):
            person.who = number
        return self.known()

    def known(self) -> list[dict[str, Any]]:
        """Who is known now, and their shapes."""
        return known(self._memory.people)

    def pass_seam(self, before: Sequence[Any], now: Sequence[Any]) -> None:
        """See :class:`humantrack.types.stages.Settles`."""
        self._joining.begin(before, now)

    def settle(self, frames: Sequence[Sequence[Observation]]) -> list[dict[int, Settled]]:
        """Bodies with the bone lengths that people have by then."""
        return self._joining.settle(frames)

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame.

        Strong boxes are dropped where the network sees a body twice; weak boxes where they
        continue nobody. People without a detection are added (``source`` -1): all of them where
        the detector rested, and those who lost their box for a moment.
        """
        out: list[People] = []
        sighted: list[_Sighted] = []
        searches = Searches(self._network, self._memory, frames)
        for i, found in enumerate(detections):
            here = self._sight(searches, i, frames[i], found)
            if sighted and not sighted[-1].people.fits(here.people):
                out += self._finish(sighted)
                sighted = []
            sighted.append(here)
            # While the network is at the last frame, those before get bodies.
            is_time = i >= len(frames) - 2 or any(here.was_wrong)
            if is_time or sum(len(one.people.people) for one in sighted) >= MOST_TOGETHER:
                out += self._finish(sighted)
                sighted = []
            self._keep(here)
        return out

    def _sight(self, searches: Searches, i: int, frame: Frame, detections: Detections) -> _Sighted:
        """The people of the ``i``-th frame; nobody is remembered across a cut.

        As soon as it is known where everybody is, the network goes on to the coming frames.
        """
        if frame.is_shot_start or frame.rgb.shape != self._shape:
            self._memory.clear()
            self._shape = frame.rgb.shape
        afresh = self._time_s is not None and passes_mark(self._time_s, frame.time_s)
        self._time_s = frame.time_s
        found, used = find_people(
            searches.search(i), detections, strong=self._strong, look=self.look, afresh=afresh
        )
        people = self._remember(found, frame)
        searches.seen(i)
        seen, mixed_up = self._prepare(frame, found, people)
        # Rows of what was looked for in between say nothing of the detections handed in.
        source = found.source if used is detections else np.full(len(found.source), -1)
        waiting = Waiting(
            seen=seen,
            found=found,
            people=people,
            lengths=lengths_after(seen, found, people, self._mean_lengths),
            is_due=due(found, people),
        )
        return _Sighted(
            frame=frame,
            detections=used,
            source=source,
            people=waiting,
            mixed_up=mixed_up,
            was_wrong=[bool(p.recent) and p.guard.was_wrong for p in people],
        )

    def _finish(self, sighted: Sequence[_Sighted]) -> list[People]:
        """Bodies of all frames so far; earlier ones may have to be put right after the last."""
        out = []
        made = make_bodies([one.people for one in sighted], self._body)
        for one, result in zip(sighted, made, strict=True):
            waiting = one.people
            evidence = evidence_in(waiting.seen, waiting.found.guess, waiting.people, result.girths)
            out.append(replace(self._package(one, result), evidence=evidence))
        return out

    def _remember(self, found: Sightings, frame: Frame) -> list[Remembered]:
        """Renew the memory; gives the remembered person behind each sighting."""
        numbers = self._memory.recognise(found.box, found.signature)
        is_detected = found.source >= 0
        round_them = np.zeros((len(is_detected), 4))
        if is_detected.any():
            round_them[is_detected] = round_bodies(
                found.landmarks[np.flatnonzero(is_detected)], frame.height, frame.width
            )
        people = []
        for i, number in enumerate(numbers):
            flag, region = float(found.landmarks.flag[i]), found.landmarks.next_region[i]
            if number >= 0:
                person = self._memory.people[number]
                is_fresh = found.is_fresh[i] or found.has_strayed[i]
                if not is_fresh:
                    region = calmed(region, person.region)
                person.see(found.box[i], region, flag, found.signature[i])
                if is_fresh:
                    person.begin_again()
                if found.has_strayed[i]:
                    person.forget_landmarks()
            else:
                person = Remembered(found.box[i], region, flag, found.signature[i])
            person.is_guess = bool(found.guess[i] != JointSource.SEEN)
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
                xy[i], world[i], visibility[i] = swapped(xy[i], world[i], visibility[i])
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

    @staticmethod
    def _keep(here: _Sighted) -> None:
        """Remember what bodies are made of, of those whose left and right may be the other way."""
        seen = here.people.seen
        for i, person in enumerate(here.people.people):
            recent = Recent(
                frame_index=here.frame.index,
                row=i,
                is_swapped=here.mixed_up[i],
                xy_px=seen.xy_px[i],
                world=seen.world[i],
                visibility=seen.visibility[i],
                padded_xyxy_px=seen.padded_xyxy_px[i],
            )
            person.recent = (*person.recent, recent)[-_MOST_RECENT:]

    def _swapped_back(self, person: Remembered) -> list[Revision]:
        """Bodies of earlier frames of somebody whose left and right were the other way."""
        wrong = [one for one in person.recent if one.is_swapped]
        person.recent = ()
        if not wrong or person.proportions is None or self._shape is None:
            return []
        back = [swapped(one.xy_px, one.world, one.visibility) for one in wrong]
        xy, world, visibility = (np.stack(points) for points in zip(*back, strict=True))
        seen = Seen(
            xy_px=xy,
            world=world,
            visibility=visibility,
            padded_xyxy_px=np.stack([one.padded_xyxy_px for one in wrong]),
            height=self._shape[0],
            width=self._shape[1],
        )
        girth = person.girth.beta
        betas = betas_from_lengths(self._body, person.proportions.lengths[None], girth=girth)
        bodies = fit_bodies(seen, np.repeat(betas, len(wrong), axis=0), self._body)
        return [
            Revision(
                frame_index=one.frame_index,
                row=one.row,
                bodies=bodies[[k]],
                evidence=None
                if person.who is None
                else evidence_of(seen, k, padded_xyxy_px=seen.padded_xyxy_px[k]),
            )
            for k, one in enumerate(wrong)
        ]

    def _package(self, one: _Sighted, made: Made) -> People:
        frame, detections, found = one.frame, one.detections, one.people.found
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
        wrong = zip(one.people.people, one.was_wrong, strict=True)
        return People(
            detections=Detections(
                xyxy_px=boxes,
                score=found.score.astype(np.float32),
                class_id=np.where(rows < 0, 0, np.append(detections.class_id, 0)[rows]),
                mask=mask,
                gt_id=None if ids is None else ids[rows],
                annotation=None if notes is None else tuple(notes[int(i)] for i in rows),
            ),
            bodies=made.bodies,
            appearance=Appearance(code=code),
            padded_xyxy_px=expand_to_aspect(boxes, self._aspect),
            source=np.asarray(one.source, np.int64),
            trust=made.trust,
            revised=tuple(tuple(self._swapped_back(p)) if was else () for p, was in wrong),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighted:
    """A frame in which it is known where everybody is."""

    frame: Frame
    detections: Detections
    """That the rows of ``people.found.source`` refer to."""

    source: IntArray
    """(N,) rows of the detections handed in, or -1."""

    people: Waiting
    mixed_up: list[bool]
    """Whose left and right were the other way in this frame."""

    was_wrong: list[bool]
    """In whose earlier frames they were."""
