"""Stages that find the same person in every frame and draw nothing, for tests of what is round
them."""

from __future__ import annotations

import numpy as np

from humantrack.types import FrameUpdate, Observation, TrackedPerson
from humantrack.types.people import CODE_SIZE, LOCATION_VECTOR_SIZE, POSE_VECTOR_SIZE


def observation_in(frame) -> Observation:
    """Somebody, as seen in a frame."""

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    turn = np.eye(3, dtype=np.float32)
    return Observation(
        frame_index=frame.index,
        frame_key=frame.key,
        image_size=(frame.height, frame.width),
        xyxy_px=np.array([10, 20, 30, 80], np.float32),
        padded_xyxy_px=zeros(4),
        score=0.9,
        class_id=0,
        global_orient=turn[None],
        body_pose=np.repeat(turn[None], 23, 0),
        betas=zeros(10),
        cam_crop=zeros(3),
        cam_t=np.array([0, 0, 20], np.float32),
        joints_3d=zeros(45, 3),
        joints_2d=zeros(45, 2),
        code=zeros(CODE_SIZE),
        pose_vector=zeros(POSE_VECTOR_SIZE),
        location_vector=zeros(LOCATION_VECTOR_SIZE),
    )


class OnePerson:
    """A run's stages.

    Args:
        during: called with each frame's index as it is looked at.
    """

    device = "cpu"
    given_boxes = None

    def __init__(self, during=None):
        self._during = during or (lambda index: None)
        self.tracker = self.visualizer = self

    def get_list_of_shots(self, frames):
        return iter(frames)

    def observe(self, frames):
        for frame in frames:
            self._during(frame.index)
        return [[observation_in(frame)] for frame in frames]

    def update(self, index, people, *, is_shot_start):
        return FrameUpdate(
            people=tuple(TrackedPerson(track_id=1, missed=0, observation=p) for p in people),
            back_fill=(),
        )

    def draw(self, frame, record):
        return frame.rgb

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    def reset_stages(self):
        pass

    def why_no_checkpoint(self):
        return None

    def has_own(self, hook):
        return False
