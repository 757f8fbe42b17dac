"""Where the evidence of the camera lies, and what happens without it."""

import json
import shutil

import numpy as np
import pytest
from world_cases import results_of

from humantrack.errors import ResultsError
from humantrack.results import iter_world
from humantrack.results.meta import meta_path
from humantrack.results.world import world_path
from humantrack.world.camera import EvidenceFile
from humantrack.world.camera.writer import EvidenceWriter
from humantrack.world.make import write_world
from humantrack.world.options import WorldOptions


def copied(folder, results="demo_pan.pkl", camera="demo_pan.camera"):
    shutil.copy(results_of("pan"), folder / results)
    shutil.copy(results_of("pan").with_suffix(".camera"), folder / camera)
    return folder / results


@pytest.mark.parametrize(
    ("results", "camera"),
    [
        ("demo_pan.partial.pkl", "demo_pan.partial.camera"),
        ("demo_pan.partial.pkl", "demo_pan.camera"),
        ("demo_pan.pkl", "demo_pan.partial.camera"),
    ],
)
def test_evidence_is_found_beside_partial_results(tmp_path, results, camera):
    path = copied(tmp_path, results, camera)
    facts = write_world(path, WorldOptions(focal_px=780.0)).facts
    assert facts["camera"]["kinds"] == ["turning"]


def test_damaged_evidence_is_no_matter_to_a_camera_said_to_stand_still(tmp_path):
    path = copied(tmp_path)
    camera = path.with_suffix(".camera")
    data = bytearray(camera.read_bytes())
    data[len(data) // 2] ^= 0xFF
    for damaged in (bytes(data), b"no evidence"):
        camera.write_bytes(damaged)
        with pytest.raises(ResultsError):
            write_world(path, WorldOptions(focal_px=780.0))
        write_world(path, WorldOptions(focal_px=780.0, camera="still"))
    rotations = np.stack([frame.camera_rotation for _, frame in iter_world(world_path(path))])
    assert np.ptp(rotations, axis=0).max() == 0


def described(path, source):
    meta_path(path).write_text(json.dumps({"fingerprint": {"source": source}}))


def stamped(path, source):
    """The evidence as the present version writes it, of a video with this fingerprint."""
    camera = path.with_suffix(".camera")
    frames = list(EvidenceFile(camera))
    writer = EvidenceWriter(camera, source=source)
    writer.open()
    for frame in frames:
        writer.append(frame)
    writer.close(is_whole=True)
    again = EvidenceFile(camera)
    assert again.source == source
    for one, other in zip(frames, again, strict=True):
        assert np.array_equal(one.ids, other.ids) and np.array_equal(one.xy, other.xy)
    return camera


def test_evidence_of_another_video_of_the_same_size_is_refused(tmp_path):
    path = copied(tmp_path)
    camera = stamped(path, "0123456789abcdef")
    described(path, "fedcba9876543210")
    with pytest.raises(ResultsError, match="of another video") as refused:
        write_world(path, WorldOptions(focal_px=780.0))
    assert str(camera) in str(refused.value) and not world_path(path).exists()
    write_world(path, WorldOptions(focal_px=780.0, camera="still"))


@pytest.mark.parametrize(
    ("of_evidence", "of_results"),
    [("0123456789abcdef", "0123456789abcdef"), ("0123456789abcdef", None), (None, "fedcba98")],
)
def test_evidence_is_taken_where_nothing_speaks_against_it(tmp_path, of_evidence, of_results):
    path = copied(tmp_path)
    stamped(path, of_evidence)
    if of_results:
        described(path, of_results)
    assert write_world(path, WorldOptions(focal_px=780.0)).facts["camera"]["kinds"] == ["turning"]


def test_evidence_of_the_first_version_is_read(tmp_path):
    path = copied(tmp_path)
    camera = path.with_suffix(".camera")
    assert camera.read_bytes()[8:10] == b"\x01\x00"
    described(path, "fedcba9876543210")
    assert EvidenceFile(camera).source is None
    assert write_world(path, WorldOptions(focal_px=780.0)).facts["camera"]["kinds"] == ["turning"]
