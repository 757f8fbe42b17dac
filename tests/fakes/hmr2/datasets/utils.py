"""Boxes grown about their centres."""

import numpy as np


def expand_bbox_to_aspect_ratio(bbox, target_aspect_ratio=None):
    if target_aspect_ratio is None or not len(bbox):
        return bbox
    across, down = target_aspect_ratio
    centre, size = (bbox[:, :2] + bbox[:, 2:]) / 2, bbox[:, 2:] - bbox[:, :2]
    width = np.maximum(size[:, 0], size[:, 1] * across / down)
    grown = np.stack([width, width * down / across], axis=1)
    return np.hstack([centre - grown / 2, centre + grown / 2])
