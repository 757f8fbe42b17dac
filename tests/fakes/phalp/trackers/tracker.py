"""Identities by distance alone: what the pipeline sees of Detection, Track and Tracker."""

from collections import deque

import numpy as np

REACH_PX = 40


class Detection:
    def __init__(self, detection_data):
        self.detection_data = detection_data
        side = max(detection_data["size"])
        detection_data["scale"] = float(max(detection_data["scale"])) / side


class Track:
    def __init__(self, cfg, track_id, data):
        self.cfg, self.track_id, self.hits, self.time_since_update = cfg, track_id, 1, 0
        self.track_data = {"history": deque([data] * cfg.phalp.track_history)}
        self.track_data["history"] = deque(self.track_data["history"], cfg.phalp.track_history)
        self.confirmed, self.deleted = len(data["annotations"]) > 0, False

    def is_confirmed(self):
        return self.confirmed and not self.deleted

    def distance(self, data):
        newest = self.track_data["history"][-1]
        return float(np.abs(newest["center"] - data["center"]).max())

    def update(self, detection):
        self.track_data["history"].append(detection.detection_data)
        self.hits, self.time_since_update = self.hits + 1, 0
        annotated = len(detection.detection_data["annotations"]) > 0
        self.confirmed = self.confirmed or self.hits >= self.cfg.phalp.n_init or annotated

    def mark_missed(self):
        self.deleted = not self.confirmed or self.time_since_update > self.cfg.phalp.max_age_track


class Tracker:
    def __init__(self, cfg, metric, max_age=30, n_init=3, phalp_tracker=None, dims=None):
        self.cfg, self.tracks, self.tracked_cost, self._next_id = cfg, [], {}, 1

    def predict(self):
        for track in self.tracks:
            track.time_since_update += 1

    def update(self, detections, frame_t, image_name, shot):
        data = [d.detection_data for d in detections]
        cost = np.array([[t.distance(d) for d in data] for t in self.tracks])
        pairs = self._by_gt(data) if self.cfg.use_gt else self._nearest(cost)
        self.tracked_cost[frame_t] = [cost if cost.size else 0, pairs]
        for row, track in enumerate(self.tracks):
            if row in pairs:
                track.update(detections[pairs[row]])
            else:
                track.mark_missed()
        for column in range(len(detections)):
            if column not in pairs.values():
                self.tracks.append(Track(self.cfg, self._next_id, data[column]))
                self._next_id += 1
        self.tracks = [track for track in self.tracks if not track.deleted]

    def _nearest(self, cost):
        pairs = {}
        for row, costs in enumerate(cost):
            free = [c for c in range(len(costs)) if c not in pairs.values()]
            best = min(free, key=lambda c: costs[c], default=None)
            if best is not None and costs[best] < REACH_PX:
                pairs[row] = best
        return pairs

    def _by_gt(self, data):
        newest = [t.track_data["history"][-1]["ground_truth"] for t in self.tracks]
        given = [d["ground_truth"] for d in data]
        return {row: given.index(gt) for row, gt in enumerate(newest) if gt in given}
