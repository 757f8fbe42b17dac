"""People -> observations: the vectors PHALP's tracker reads, masks, links to detections."""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

from humantrack.pipeline.observe import observations
from humantrack.types import Appearance, BodyBatch, Detections, People


def two_people(height, width):
    rng = np.random.default_rng(0)
    mask = np.zeros((2, height, width), bool)
    mask[0, 3:9, 5:8] = True
    return People(
        detections=Detections(
            xyxy_px=rng.random((2, 4)).astype(np.float32),
            score=np.array([0.9, 0.3], np.float32),
            class_id=np.zeros(2, np.int64),
            mask=mask,
        ),
        bodies=BodyBatch(
            global_orient=rng.random((2, 1, 3, 3), np.float32),
            body_pose=rng.random((2, 23, 3, 3), np.float32),
            betas=rng.random((2, 10), np.float32),
            cam_crop=rng.random((2, 3), np.float32),
            cam_t=rng.random((2, 3), np.float32),
            joints_3d=rng.random((2, 45, 3), np.float32),
            joints_2d=rng.random((2, 45, 2), np.float32),
        ),
        appearance=Appearance(code=rng.random((2, 4096), np.float32)),
        padded_xyxy_px=rng.random((2, 4)).astype(np.float32),
        source=np.array([1, -1]),
    )


def test_vectors_are_laid_out_as_phalp_does(make_frame):
    frame = make_frame(7)
    people = two_people(frame.height, frame.width)
    first, second = observations(frame, people, ["a", "b"])
    pose = first.pose_vector
    np.testing.assert_array_equal(pose[:9], people.bodies.global_orient[0].ravel())
    np.testing.assert_array_equal(pose[9:216], people.bodies.body_pose[0].ravel())
    np.testing.assert_array_equal(pose[216:226], people.bodies.betas[0])
    np.testing.assert_allclose(pose[226:], people.bodies.cam_t[0] / [1, 1, 200], rtol=1e-6)
    place = second.location_vector
    np.testing.assert_array_equal(place[:90], people.bodies.joints_2d[1].ravel())
    np.testing.assert_array_equal(place[90:].reshape(3, 3), np.tile(people.bodies.cam_t[1], (3, 1)))


def test_links_and_masks_survive(make_frame):
    frame = make_frame(7)
    people = two_people(frame.height, frame.width)
    first, second = observations(frame, people, ["a", "b"])
    assert (first.extra, second.extra) == ("b", None)
    assert first.frame_index == 7
    assert first.frame_key == frame.key
    assert isinstance(first.mask["counts"], str)
    np.testing.assert_array_equal(coco_mask.decode(first.mask), people.detections.mask[0])
    assert coco_mask.area(second.mask) == 0


def test_an_observation_does_not_keep_its_batch_alive(make_frame):
    frame = make_frame(0)
    people = two_people(frame.height, frame.width)
    first, _ = observations(frame, people, ["a", "b"])
    assert first.code.base is None
    assert first.body_pose.base is None


def test_nobody(make_frame):
    assert observations(make_frame(0), People.empty(), []) == []
