"""What the landmark network sees in boxes and regions, and which of it are different people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.blazepose import regions
from humantrack.blazepose.boxes import round_landmarks
from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS, halfway
from humantrack.blazepose.lift import LIMBS
from humantrack.blazepose.network import LandmarkNetwork, Landmarks, Looking, nobody
from humantrack.blazepose.regions import Cropper
from humantrack.blazepose.silhouettes import grown, silhouette, without
from humantrack.geometry.boxes import iou, iou_of_pairs
from humantrack.geometry.rotations import unit
from humantrack.types import JointSource
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

PERSON = 0.5
"""Lowest flag of a person; MediaPipe's threshold."""

AGREES = 0.3
"""Lowest IoU of a body with the box it was found for: else it is another one's (all true pairs on
our clips have 0.6 and more)."""

_SAME, _OTHER = 0.6, 0.35
"""Bodies more alike than the first are one; less than the second, two."""

_SAME_SPREAD = 0.05  # of the region's side
_WIDE = 1.1  # a box so much wider than high may be of somebody who lies
_TALL = 1.8  # a box so much higher than wide has no room for a trunk that lies
_FITS = 0.6  # IoU of a body with its box below which a new person is looked at turned, too
_TURNS = (np.pi / 2, -np.pi / 2, np.pi)

_SURER_TURNED = 0.25
"""How much better than upright somebody must look lying or upside down. The network sees a person
in the crop of a person however that is turned: of 370 people of real pictures, most in crowds or
half hidden, 42 looked better turned, by less than this all but three who truly were. Of as many
turned round as could be found, one in five is lost by it; few people are upside down."""

_SAME_BOX = 0.6
"""Boxes that overlap more than this do not show two people of whom one was overlooked."""

_OF_ANOTHER, _OF_HIS_OWN = 0.2, 0.15
"""Shares of a silhouette: more than the first is outside of each of two others, and less than the
second outside of both, where it is made of them."""

_BESIDE, _AS_CLEAR = 0.02, 0.5
"""Part of a crop that others must take up to be hidden, and lowest flag of who is seen without them
as a share of that with them."""

_MIXED = 0.6
"""IoU of silhouettes from which on they are taken for one."""

_CLEARLY, _ALONE = 0.7, 0.6
"""Lowest flag, and share of the silhouette outside the other's, of a person beside another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """N people as the network sees them, each with the box that he was looked for in."""

    landmarks: Landmarks
    box: FloatArray
    """(N,4)"""

    guess: IntArray
    """(N,) a ``JointSource``: SEEN, or where the landmarks come from instead."""

    def __len__(self) -> int:
        return len(self.guess)

    def __getitem__(self, index: Sequence[int] | IntArray) -> Candidates:
        """Those picked by an index array."""
        keep = np.asarray(index, np.intp)
        if keep.tolist() == list(range(len(self))):
            return self
        return Candidates(
            landmarks=self.landmarks[keep], box=self.box[keep], guess=self.guess[keep]
        )

    def each(self) -> Iterator[Candidates]:
        """One after the other."""
        return (self[[i]] for i in range(len(self)))


class Looker:
    """Runs the landmark network on one image.

    Args:
        network: the network.
        cropper: of the image.
    """

    def __init__(self, network: LandmarkNetwork, cropper: Cropper) -> None:
        self._network, self._cropper = network, cropper
        self._height, self._width = cropper.rgb.shape[:2]

    @staticmethod
    def nobody() -> Candidates:
        """N = 0."""
        return Candidates(landmarks=nobody(), box=np.zeros((0, 4)), guess=np.zeros(0, np.intp))

    def join(self, parts: Sequence[Candidates]) -> Candidates:
        """All of all parts, in order."""
        parts = [part for part in parts if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else self.nobody()
        return Candidates(
            landmarks=Landmarks.concatenate([p.landmarks for p in parts]),
            box=np.concatenate([p.box for p in parts]),
            guess=np.concatenate([p.guess for p in parts]),
        )

    def at_regions(self, at: FloatArray, boxes: FloatArray) -> Candidates:
        """What (N,4) regions show, for (N,4) boxes."""
        guess = np.full(len(boxes), int(JointSource.SEEN))
        return Candidates(landmarks=self.begin(at).landmarks(), box=boxes, guess=guess)

    def begin(self, at: FloatArray) -> Looking:
        """Begin to look at (N,4) regions."""
        return self._network.begin(self._cropper.crops(at), at)

    def at_boxes(self, boxes: FloatArray, known: Mapping[int, Candidates]) -> Candidates:
        """What (N,4) boxes show.

        Args:
            boxes: where to look.
            known: what was seen already where those of a row were expected. The other boxes, and
                those whose known body is elsewhere, are looked at twice: in the box, and then,
                better, where that points.
        """
        rows = [i for i in range(len(boxes)) if not self._agrees(known.get(i), boxes[i])]
        out = []
        fresh: Iterator[Candidates] = iter(())
        if rows:
            first = self.at_regions(regions.from_boxes(boxes[rows]), boxes[rows])
            fresh = self._again(first).each()
        for i in range(len(boxes)):
            one = next(fresh) if i in rows else known[i]
            old = known.get(i)
            if i in rows and old is not None and one.landmarks.flag[0] <= PERSON:
                one = old if old.landmarks.flag[0] > one.landmarks.flag[0] else one
            out.append(Candidates(landmarks=one.landmarks, box=boxes[[i]], guess=one.guess))
        return self.join(out)

    def have_strayed(self, found: Candidates, known: Mapping[int, Candidates]) -> BoolArray:
        """(N,) who are seen in their boxes, though what was known of them is elsewhere.

        Args:
            found: as :meth:`at_boxes` gives them.
            known: as it is given to that.
        """
        strayed = [
            i in known and not self._agrees(known[i], box) for i, box in enumerate(found.box)
        ]
        return np.asarray(self.credible(found) & np.array(strayed, bool))

    def _again(self, first: Candidates) -> Candidates:
        """Each of those who are people, seen once more where the first look points."""
        rows = np.flatnonzero(first.landmarks.flag > PERSON)
        second = self.at_regions(first.landmarks.next_region[rows], first.box[rows])
        better = np.flatnonzero(second.landmarks.flag > PERSON)
        pick = np.arange(len(first))
        pick[rows[better]] = len(first) + better
        return self.join([first, second])[pick]

    def turned(
        self, found: Candidates, may: BoolArray, is_new: BoolArray
    ) -> tuple[Candidates, BoolArray]:
        """Those in whom nobody was seen upright, looked at lying and upside down.

        So are new people in a wide box, or whose body hardly fills their box, since somebody who
        lies or hangs may pass for sitting. Nobody lies in a box that is tall.

        Args:
            found: N candidates.
            may: (N,) whether to try; not for those who were tried in vain a moment ago.
            is_new: (N,) whether they were not followed to where they are.

        Returns:
            The N candidates, and which of them, (N,), were looked at so.
        """
        width, height = found.box[:, 2] - found.box[:, 0], found.box[:, 3] - found.box[:, 1]
        agreement = self.agreement(found)
        credible = self.credible(found, agreement)
        doubtful = (width > _WIDE * height) | (agreement < _FITS)
        tried = (~credible | (doubtful & is_new)) & may
        pairs = [
            (row, turn)
            for turn in _TURNS
            for row in np.flatnonzero(tried).tolist()
            if abs(turn) == np.pi or height[row] < _TALL * width[row]
        ]
        if not pairs:
            return found, tried
        rows, turns = (np.array(column) for column in zip(*pairs, strict=True))
        at = regions.from_boxes(found.box[rows])
        at[:, 3] = turns
        everything = self.join([found, self._again(self.at_regions(at, found.box[rows]))])
        quality = self._quality(everything)
        pick = np.arange(len(found))
        for row in np.unique(rows):
            options = len(found) + np.flatnonzero(rows == row)
            best = options[quality[options].argmax()]
            if quality[best] > quality[row] + _SURER_TURNED:
                pick[row] = best
        return everything[pick], tried

    def distinct(self, found: Candidates, score: FloatArray) -> tuple[Candidates, IntArray]:
        """Those that are people in their own box, each body once.

        One that ends on the body of a better one is looked at again with the other's silhouette
        masked out.

        Returns:
            Those kept, in order, and the rows of those lost.
        """
        agreement = self.agreement(found)
        credible = self.credible(found, agreement)
        kept: dict[int, Candidates] = {}
        as_it_was = True
        for i in np.argsort(-score * found.landmarks.flag * agreement, kind="stable"):
            one = found[[int(i)]]
            if credible[i]:
                rival = self._rival(one, kept)
                if rival is not None:
                    again = self._beside(one, rival)
                    if again is None or self._rival(again, kept, _OTHER) is not None:
                        continue
                    one, as_it_was = again, False
                kept[int(i)] = one
        if as_it_was and len(kept) == len(found):  # spares copies of silhouettes
            return found, np.zeros(0, np.intp)
        rows = sorted(kept)
        lost = np.setdiff1d(np.arange(len(found)), rows)
        return self.join([kept[i] for i in rows]), lost

    @staticmethod
    def _rival(
        one: Candidates, kept: Mapping[int, Candidates], most: float = _SAME
    ) -> Candidates | None:
        """Who of those kept has the same body."""
        for other in kept.values():
            if similarity(one.landmarks, other.landmarks)[0, 0] > most:
                return other
        return None

    def _beside(self, one: Candidates, other: Candidates) -> Candidates | None:
        """Who is in one person's box besides another whose body was found there; None: nobody.

        The box is looked at without the pixels of the other's silhouette. Whoever is found must
        show by himself: a body guessed behind the one masked out is not a second person.
        """
        if iou(one.box, other.box)[0, 0] > _SAME_BOX:
            return None
        at = regions.from_boxes(one.box)
        hidden = grown(silhouette(other.landmarks, 0, at))
        if not hidden.any() or hidden.all():
            return None
        crop = without(self._cropper.crops(at), hidden)
        found = self._network.begin(crop, at).landmarks()
        again = Candidates(landmarks=found, box=one.box, guess=one.guess)
        alone = _share_outside(again, hidden)
        is_somebody = found.flag[0] > _CLEARLY and alone > _ALONE and self.credible(again)[0]
        return again if is_somebody else None

    def apart(self, found: Candidates) -> Candidates:
        """The same people; each beside whom others are seen is looked at without them.

        The face of one who stands before another's back turns that other round for the network,
        and hands of one are taken for another's. What is hidden is the others' silhouettes, less
        his own.
        """
        seen = found.guess == JointSource.SEEN
        overlap = (iou(found.box, found.box) > 0) & seen[:, None] & seen
        np.fill_diagonal(overlap, val=False)
        rows, crops = [], []
        for i in np.flatnonzero(overlap.any(axis=1)).tolist():
            at = found.landmarks.region[[i]]
            others = np.flatnonzero(overlap[i]).tolist()
            theirs = np.any([silhouette(found.landmarks, k, at) for k in others], axis=0)
            hidden = grown(theirs) & (found.landmarks.segmentation[i] <= 0)
            if hidden.mean() > _BESIDE and not hidden.all():
                rows.append(i)
                crops.append(without(self._cropper.crops(at), hidden))
        if not rows:
            return found
        looks = self._network.begin(np.concatenate(crops), found.landmarks.region[rows])
        again = Candidates(
            landmarks=looks.landmarks(), box=found.box[rows], guess=found.guess[rows]
        )
        clear = again.landmarks.flag >= _AS_CLEAR * found.landmarks.flag[rows]
        better = np.flatnonzero(clear & self.credible(again))
        pick = np.arange(len(found))
        pick[np.array(rows)[better]] = len(found) + better
        return self.join([found, again])[pick]

    def ghosts(self, found: Candidates, is_new: BoolArray) -> IntArray:
        """Rows of new people who are made of two others: neither has all of them, both together do.

        A box round parts of two people who cross shows the network a body, too. Among more than
        two it cannot be told whose a part is.
        """
        overlap = (iou(found.box, found.box) > 0) & (found.landmarks.flag > PERSON)
        np.fill_diagonal(overlap, val=False)
        out = []
        for i in np.flatnonzero(is_new).tolist():
            one, others = found[[i]], np.flatnonzero(overlap[i]).tolist()
            if len(others) != 2:
                continue
            theirs = [silhouette(found.landmarks, k, one.landmarks.region) for k in others]
            outside = [_share_outside(one, mask) for mask in (*theirs, theirs[0] | theirs[1])]
            if min(outside[:2]) > _OF_ANOTHER and outside[2] < _OF_HIS_OWN:
                out.append(i)
        return np.array(out, np.intp)

    def are_mixed(self, found: Candidates) -> bool:
        """Whether two of the people have nearly the same silhouette, which shows both."""
        overlap = np.triu(iou(found.box, found.box) > 0, k=1)
        for i, other in zip(*np.nonzero(overlap), strict=True):
            one = found[[int(i)]]
            mine = one.landmarks.segmentation[0] > 0
            theirs = silhouette(found.landmarks, int(other), one.landmarks.region)
            if (mine & theirs).sum() > _MIXED * max(int((mine | theirs).sum()), 1):
                return True
        return False

    def credible(self, found: Candidates, agreement: FloatArray | None = None) -> BoolArray:
        """(N,) a person, in his own box; ``agreement`` is worked out unless it is known."""
        agreement = self.agreement(found) if agreement is None else agreement
        return np.asarray((found.landmarks.flag > PERSON) & (agreement > AGREES))

    def agreement(self, found: Candidates) -> FloatArray:
        """(N,) IoU of each body with its box."""
        return iou_of_pairs(self._round(found.landmarks), found.box)

    def _agrees(self, one: Candidates | None, box: FloatArray) -> bool:
        if one is None or one.landmarks.flag[0] <= PERSON:
            return False
        return bool(iou_of_pairs(self._round(one.landmarks), box[None])[0] > AGREES)

    def _quality(self, found: Candidates) -> FloatArray:
        """(N,) how much each looks like a person in his box, upright in his region."""
        marks = found.landmarks
        seen = marks.visibility.mean(axis=1)
        trunk = unit(halfway(marks.xy_px, SHOULDERS) - halfway(marks.xy_px, HIPS))
        angle = marks.region[:, 3]
        upright = (trunk * np.stack([np.sin(angle), -np.cos(angle)], axis=1)).sum(axis=1)
        return np.asarray(marks.flag * self.agreement(found) * seen * (1 + upright) / 2)

    def _round(self, landmarks: Landmarks) -> FloatArray:
        return round_landmarks(landmarks, self._height, self._width)


def _share_outside(one: Candidates, mask: BoolArray) -> float:
    """The part of a person's silhouette, on his own crop, that is outside a mask (256,256)."""
    body = one.landmarks.segmentation[0] > 0
    return float((body & ~mask).sum() / max(int(body.sum()), 1))


def similarity(a: Landmarks, b: Landmarks) -> FloatArray:
    """(N,M) in 0..1, near 1 where two sets of landmarks lie on the same body."""
    limbs = list(LIMBS)
    side = (a.region[:, None, 2] + b.region[None, :, 2]) / 2
    apart = np.linalg.norm(a.xy_px[:, None, limbs] - b.xy_px[None, :, limbs], axis=-1)
    return np.asarray(np.exp(-((apart / (_SAME_SPREAD * side[..., None])) ** 2)).mean(axis=-1))
