"""Files of a finished job: made on demand, ranges, timeline, frames."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import av
import cv2
import numpy as np
import pytest
from service_process import Server

from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.rotations import quaternion_to_matrix
from humantrack.render.palette import identity_colour


def get(server: Server, job: dict[str, Any], tail: str, **named: Any) -> Any:
    answer = server.get(f"/api/jobs/{job['id']}{tail}", **named)
    assert answer.status_code in (200, 206), answer.text
    return answer


def test_every_file_that_is_listed_can_be_had(server: Server, done: dict[str, Any]) -> None:
    listed = get(server, done, "/files").json()["files"]
    names = [file["name"] for file in listed]
    assert len(names) == len(set(names))
    assert {"overlay.mp4", "results.pkl", "results.json", "results.glb", "results_track1.bvh"} <= {
        *names
    }
    for file in listed:
        answer = server.get(file["url"])
        assert answer.status_code == 200, (file, answer.text)
        assert answer.headers["Content-Type"].split(";")[0] == file["media_type"]
        assert len(answer.content) > 0
    again = {file["name"]: file for file in get(server, done, "/files").json()["files"]}
    assert all(file["ready"] for file in again.values())
    for name in ("results.json", "results.meta.json", "results.glb"):  # say nothing of the machine
        assert str(server.data).encode() not in get(server, done, f"/files/{name}").content
    assert again["results.json"]["size"] == len(get(server, done, "/files/results.json").content)


def test_a_file_of_another_name_is_not_there(server: Server, done: dict[str, Any]) -> None:
    for name in ("results_track99.bvh", "results.exe", "clip", "log.txt", "frames.json"):
        answer = server.get(f"/api/jobs/{done['id']}/files/{name}")
        assert answer.status_code == 404 and answer.json()["code"] == "NotFound"


def test_the_overlay_can_be_scrubbed(server: Server, done: dict[str, Any]) -> None:
    whole = get(server, done, "/files/overlay.mp4")
    assert whole.headers["Accept-Ranges"] == "bytes"
    content = whole.content
    part = get(server, done, "/files/overlay.mp4", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == content[100:200]
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    tail = get(server, done, "/files/overlay.mp4", headers={"Range": "bytes=-50"})
    assert tail.content == content[-50:]
    beyond = server.get(
        f"/api/jobs/{done['id']}/files/overlay.mp4", headers={"Range": f"bytes={len(content)}-"}
    )
    assert beyond.status_code == 416
    assert beyond.headers["Content-Type"].startswith("application/problem+json")
    same = server.get(
        f"/api/jobs/{done['id']}/files/overlay.mp4",
        headers={"If-None-Match": whole.headers["ETag"]},
    )
    assert same.status_code == 304
    with av.open(io.BytesIO(content)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 12


def test_the_preview_is_a_small_picture(server: Server, done: dict[str, Any]) -> None:
    answer = get(server, done, "/preview.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert max(picture.shape[:2]) == 640


def test_the_timeline_is_that_of_the_results(server: Server, done: dict[str, Any]) -> None:
    timeline = get(server, done, "/timeline").json()
    document = get(server, done, "/files/results.json").json()
    assert timeline["frames"] == 12 and timeline["fps"] == document["source"]["fps"]
    assert (timeline["width"], timeline["height"]) == (640, 360)
    assert timeline["focal_px"] == pytest.approx(np.hypot(640, 360))
    ids = {person["track_id"] for frame in document["frames"] for person in frame["people"]}
    assert {track["track_id"] for track in timeline["tracks"]} == ids
    for track in timeline["tracks"]:
        expected = "#{:02x}{:02x}{:02x}".format(*identity_colour(track["track_id"]))
        assert track["color"] == expected and track["kind"] == "embedded"
        assert np.array(track["rest"]).shape == (24, 3) and track["rest"][0] == [0, 0, 0]
        assert 0 <= track["first"] <= track["last"] < 12 and 0 < track["mean_score"] <= 1


def test_frames_come_in_pieces_and_are_the_exported_motion(
    server: Server, done: dict[str, Any]
) -> None:
    whole = get(server, done, "/frames?start=0&count=300").json()["frames"]
    assert [frame["index"] for frame in whole] == list(range(12))
    part = get(server, done, "/frames?start=4&count=3").json()
    assert part["start"] == 4 and part["frames"] == whole[4:7]
    packed = get(server, done, "/frames", headers={"Accept-Encoding": "gzip"})
    plain = get(server, done, "/frames", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.content == plain.content
    assert 3 * int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    head = server.request("HEAD", f"/api/jobs/{done['id']}/frames")
    assert head.status_code == 200 and head.content == b""
    assert "Content-Encoding" not in plain.headers and plain.headers["Vary"] == "Accept-Encoding"
    assert get(server, done, "/frames?start=500").json()["frames"] == []
    assert server.get(f"/api/jobs/{done['id']}/frames?count=301").status_code == 422
    document = get(server, done, "/files/results.json?").json()
    for frame, told in zip(whole, document["frames"], strict=True):
        assert frame["time_s"] == pytest.approx(told["time_s"])
        for person in frame["people"]:
            same = next(p for p in told["people"] if p["track_id"] == person["track_id"])
            assert person["state"] == same["state"]
            np.testing.assert_allclose(person["bbox"], same["bbox"], atol=0.01)
            turns = quaternion_to_matrix(np.array(person["rotations"]))
            angle = np.linalg.norm(same["smpl"]["body_pose"], axis=-1)
            cosine = (np.trace(turns[1:], axis1=1, axis2=2) - 1) / 2
            np.testing.assert_allclose(np.cos(angle), cosine, atol=1e-3)
            assert person["pelvis"][2] < 0  # before the camera, which looks along -z


def test_the_body_at_rest_is_skinned_to_24_joints(server: Server) -> None:
    content = server.get("/api/body.glb").content
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, _ = struct.unpack_from("<I4s", content, 12)
    gltf = json.loads(content[20 : 20 + size])
    assert "animations" not in gltf or not gltf["animations"]
    (skin,) = gltf["skins"]
    assert len(skin["joints"]) == 24
    nodes = [gltf["nodes"][j] for j in skin["joints"]]
    places = np.zeros((24, 3))
    for joint in range(24):
        places[joint] += nodes[joint]["translation"]
        for child in nodes[joint].get("children", ()):
            places[skin["joints"].index(child)] += places[joint]
    rest = load_mannequin().rest_joints()
    np.testing.assert_allclose(places, rest - rest[0], atol=1e-5)
    assert skin["joints"] == sorted(skin["joints"])
