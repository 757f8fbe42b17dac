"""Poses that are held or made up, and limbs that are, as the overlay draws them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trust_tools import rated_observation

from humantrack.render import Overlay
from humantrack.render.marks import label_of
from humantrack.types import JointSource

KINDS = ("HUMAN_MESH", "HUMAN_MASK", "HUMAN_BBOX", "SKELETON")
RIGHT_ARM = [3, 4]


def with_source(person, source):
    return replace(person, observation=rated_observation(person.observation, source))


def strength(picture, frame):
    """How much is changed, over all pixels."""
    return np.abs(picture.astype(int) - frame.rgb).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_a_pose_that_is_held_or_made_up_is_drawn_fainter(kind, *, body, frame, person, record):
    overlay = Overlay(body, kind=kind)
    plain = overlay.draw(frame, record(person(1)))
    drawn = {
        source: overlay.draw(frame, record(with_source(person(1), source)))
        for source in JointSource
    }
    np.testing.assert_array_equal(drawn[JointSource.SEEN], plain)
    np.testing.assert_array_equal(drawn[JointSource.HIDDEN], plain)
    for source in (JointSource.HELD, JointSource.MADE_UP):
        assert 0 < strength(drawn[source], frame) < 0.7 * strength(plain, frame)


def test_the_label_has_a_question_mark(person):
    assert label_of(person(12)) == "12"
    labels = [label_of(with_source(person(12), source)) for source in JointSource]
    assert labels == ["12", "12", "12 ?", "12 ?"]


def test_a_limb_that_is_made_up_is_thin(body, frame, person, record):
    overlay = Overlay(body, kind="SKELETON")
    source = np.zeros(45, np.uint8)
    plain = overlay.draw(frame, record(with_source(person(1), source)))
    source[RIGHT_ARM] = JointSource.MADE_UP
    thin = overlay.draw(frame, record(with_source(person(1), source)))
    assert 0.6 < strength(thin, frame) / strength(plain, frame) < 0.98
