"""A live source's newest frame -> what the page draws of it, in the axes and words of ``scene``."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from humantrack.clips.spans import TrackSpans
from humantrack.motion.motion import cached_smpl
from humantrack.results import people_columns
from humantrack.results.record import record_to_phalp
from humantrack.service.workers.scene import Rows, Track, about_track
from humantrack.types import FrameRecord

_MEASURED_AT = (1, 3, 10, 30, 60)
"""Frames of a track after which its bones are measured again."""

_MOST_TRACKS = 200
"""That are remembered; of those that were not seen for longest the bones are measured anew."""

_SHOWN = ("track_id", "color", "rest", "kind")


class LiveScene:
    """Remembers the bones of those who are there."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}
        self._about: dict[int, dict[str, Any]] = {}
        self._smpl = cache(cached_smpl)

    def frame(self, record: FrameRecord) -> dict[str, Any]:
        """A frame as ``scene.frames`` gives it, with its size and ``tracks``.

        Each of these has ``track_id``, ``color``, ``rest`` and ``kind`` as in the time line, and
        ``measured``, which grows when ``rest`` is another one.
        """
        columns = people_columns([(record.key, record_to_phalp(record, features=False))])
        with np.errstate(all="ignore"):
            rows = Rows(columns)
            [people] = rows.people_by_frame(1)
            for i in np.flatnonzero(rows.good & (rows.columns.missed <= 0)).tolist():
                self._see(rows, i)
        height, width = record.image_size
        ids = [person["track_id"] for person in people]
        return {
            "index": record.source_index,
            "time_s": record.time_s,
            "width": width,
            "height": height,
            "people": [one for one in people if one["track_id"] in self._about],
            "tracks": [self._about[id] for id in ids if id in self._about],
        }

    def _see(self, rows: Rows, i: int) -> None:
        columns = rows.columns
        track_id = int(columns.track_id[i])
        track = self._tracks.pop(track_id, None) or Track(TrackSpans(track_id))
        self._tracks[track_id] = track  # the last is who was seen last
        seen = track.spans.seen
        track.see(
            seen, float(columns.score[i]), (rows.quaternions[i], rows.joints[i], columns.betas[i])
        )
        if seen + 1 in _MEASURED_AT:
            about = about_track(track, self._smpl)
            kept = {name: about[name] for name in _SHOWN}
            self._about[track_id] = {**kept, "measured": seen + 1}
        if len(self._tracks) > _MOST_TRACKS:
            oldest = next(iter(self._tracks))
            del self._tracks[oldest], self._about[oldest]
