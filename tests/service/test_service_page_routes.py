"""Routes for the page: the clip, charts, zips, another run, names, links, partial results."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from service_process import CLIP, Server, problem, until

from humantrack.service.jobs.store import Store
from humantrack.service.web.zipping import CannotMakeError, Entry, stream, unique_names
from humantrack.service.workers.charts import SERIES, speed_of
from humantrack.video import open_source


def unzipped(content: bytes) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(content))
    assert found.testzip() is None
    return found


def test_the_clip_is_had_as_it_came_and_as_browsers_play_it(
    server: Server, done: dict[str, Any], tmp_path: Path
) -> None:
    here = f"/api/jobs/{done['id']}"
    about = server.get(f"{here}/files").json()["clip"]
    assert about["media_type"] == "video/mp4"
    assert about["size"] == CLIP.stat().st_size
    whole = server.get(about["url"])
    assert whole.content == CLIP.read_bytes()
    assert whole.headers["Content-Type"] == "video/mp4"
    part = server.get(about["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    target = tmp_path / "clip.mp4"
    target.write_bytes(server.get(about["playable_url"]).content)
    with open_source(str(target)) as made, open_source(str(CLIP)) as original:
        ours, theirs = list(made), [frame for frame, _ in zip(original, range(12), strict=False)]
    assert len(ours) == 12  # those of the job, end_frame=12
    for one, other in zip(ours, theirs, strict=True):
        assert one.time_s == pytest.approx(other.time_s, abs=1e-3)
        assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 4


def test_charts_are_the_angles_of_the_export(server: Server, done: dict[str, Any]) -> None:
    here = f"/api/jobs/{done['id']}"
    track = server.get(f"{here}/timeline").json()["tracks"][0]["track_id"]
    chart = server.get(f"{here}/charts/{track}").json()
    assert set(chart["series"]) == set(SERIES)
    table = server.get(f"{here}/charts/{track}.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    exported = server.get(f"{here}/files/results.angles.csv").text.splitlines()
    export = [
        row
        for row in csv.DictReader(line for line in exported if not line.startswith("#"))
        if row["track_id"] == str(track)
    ]
    assert len(rows) == len(export) == len(chart["time_s"])
    for ours, theirs in zip(rows, export, strict=True):
        assert float(ours["time_s"]) == pytest.approx(float(theirs["time_s"]), abs=1e-4)
        for name in ("left_knee_flexion", "right_hip_flexion", "trunk_bending"):
            assert float(ours[f"{name}_deg"]) == pytest.approx(float(theirs[name]), abs=2e-3)
    height = [float(row["hip_height_m"]) for row in rows]
    assert all(0.5 < value < 1.3 for value in height)
    problem(server.get(f"{here}/charts/999"), 404)
    problem(server.get(f"{here}/charts/..%2Fresults"), 404)


def test_speed_is_that_of_the_movement() -> None:
    time_s = np.arange(90) / 30
    places = np.column_stack([1.5 * time_s, np.zeros(90), 2 * time_s])
    assert speed_of(time_s, places) == pytest.approx(np.full(90, 2.5))
    assert speed_of(time_s[:1], places[:1]).tolist() == [0.0]


def test_everything_and_one_format_come_as_a_zip(server: Server, done: dict[str, Any]) -> None:
    here = f"/api/jobs/{done['id']}"
    tracks = server.get(f"{here}/timeline").json()["tracks"]
    answer = server.get(f"{here}/files.zip?format=bvh")
    assert "demo_small_bvh.zip" in answer.headers["Content-Disposition"]
    found = unzipped(answer.content)
    wanted = {f"demo_small/results_track{t['track_id']}.bvh" for t in tracks}
    assert set(found.namelist()) == wanted
    assert all(found.read(name).startswith(b"HIERARCHY") for name in wanted)
    everything = unzipped(server.get(f"{here}/files.zip").content)
    names = {f"demo_small/{f['name']}" for f in server.get(f"{here}/files").json()["files"]}
    missing = set(everything.namelist()) - names
    assert missing <= {"NOT-INCLUDED.txt"}
    assert names - set(everything.namelist()) == {
        line.split(":")[0]
        for line in (everything.read("NOT-INCLUDED.txt").decode() if missing else "").splitlines()
    }
    assert everything.read("demo_small/overlay.mp4")[4:8] == b"ftyp"
    problem(server.get(f"{here}/files.zip?format=doc"), 422)
    two = unzipped(server.get(f"/api/files.zip?ids={done['id']},{done['id']}&format=json").content)
    assert two.namelist() == ["demo_small/results.json"]
    problem(server.get(f"/api/files.zip?ids={done['id']},nobody"), 404)


def test_a_zip_names_what_it_lacks(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text("{}")

    def bad() -> Path:
        raise CannotMakeError("no such body")

    pieces = list(stream([Entry("a/good.json", lambda: good), Entry("a/bad.glb", bad)]))
    found = unzipped(b"".join(pieces))
    assert found.read("a/good.json") == b"{}"
    assert found.read("NOT-INCLUDED.txt") == b"a/bad.glb: no such body\n"
    names = unique_names(["walk.mp4", "Walk.mov", "a:b?.mp4", "über uns.mp4", "..mp4"])
    assert names == ["walk", "Walk (2)", "a_b_", "über uns", "clip"]


def test_a_zip_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(50_000_000)
    most = max(len(piece) for piece in stream([Entry("big.mp4", lambda: big)]))
    assert most < 1_000_000


def test_a_clip_is_run_again_with_other_options(server: Server, done: dict[str, Any]) -> None:
    here = f"/api/jobs/{done['id']}"
    again = server.request(
        "POST", f"{here}/again", json={"overrides": {"end_frame": 5, "render.enable": False}}
    )
    assert again.status_code == 202, again.text
    job = server.ended(again.json()["id"])
    assert (job["state"], job["frames"], job["name"]) == ("succeeded", 5, done["name"])
    assert job["overrides"] == {"end_frame": 5, "render.enable": False}
    assert server.job(done["id"])["state"] == "succeeded"
    bad = server.request("POST", f"{here}/again", json={"overrides": {"start_time": "soon"}})
    assert "start_time" in problem(bad, 422, "ConfigError")["detail"]
    assert server.request("DELETE", f"/api/jobs/{job['id']}").status_code == 204
    assert server.get(f"{here}/original").content == CLIP.read_bytes()


def test_jobs_are_named_searched_and_sorted(server: Server) -> None:
    ids = {}
    for name in ("Ähre im Wind.mp4", "beach run.mp4", "Run two.mp4"):
        job = server.submit().json()
        answer = server.request("PATCH", f"/api/jobs/{job['id']}", json={"name": f"x/{name}"})
        assert answer.json()["name"] == name
        ids[name] = job["id"]

    def found(query: str) -> list[str]:
        jobs = server.get(f"/api/jobs?{query}").json()["jobs"]
        return [job["name"] for job in jobs if job["id"] in ids.values()]

    assert found("search=RUN") == ["Run two.mp4", "beach run.mp4"]
    assert found("search=run+beach") == ["beach run.mp4"]
    assert found("search=%C3%A4hre") == ["Ähre im Wind.mp4"]
    assert found("search=100%25") == []
    assert found("search=run&sort=oldest") == ["beach run.mp4", "Run two.mp4"]
    assert found("search=run&sort=name") == ["beach run.mp4", "Run two.mp4"]
    problem(server.get("/api/jobs?sort=random"), 422)
    problem(server.request("PATCH", f"/api/jobs/{ids['Run two.mp4']}", json={"name": ""}), 422)
    for id in ids.values():
        server.ended(id)
        server.request("DELETE", f"/api/jobs/{id}")


@pytest.fixture
def guarded(make_server: Any, tmp_path: Path) -> Server:
    """A server with tokens of two users."""
    (tmp_path / "tokens").write_text("anna annas-secret-token-1\nbert berts-secret-token-1\n")
    server: Server = make_server("--token-file", str(tmp_path / "tokens"))
    server.token = "annas-secret-token-1"
    return server


def test_a_link_reads_one_job_and_can_be_revoked(guarded: Server) -> None:
    server = guarded
    job = server.ended(server.submit().json()["id"])
    other = server.ended(server.submit().json()["id"])
    here = f"/api/jobs/{job['id']}"
    assert server.get(f"{here}/link").json() == {"link": None}
    link = server.request("POST", f"{here}/link").json()["link"]
    assert server.request("POST", f"{here}/link").json()["link"] == link
    base = f"http://127.0.0.1:{server.port}/api/jobs"
    seen = requests.get(f"{base}/{link}", timeout=60).json()
    assert (seen["id"], seen["links"]["self"]) == (link, f"/api/jobs/{link}")
    for tail in ("/timeline", "/frames", "/files", "/files/results.json", "/preview.jpg"):
        assert requests.get(f"{base}/{link}{tail}", timeout=60).status_code == 200, tail
    for tail in ("/original", "/files.zip?format=bvh", "/charts/1"):
        assert requests.get(f"{base}/{link}{tail}", timeout=60).status_code == 200, tail
    for file in requests.get(f"{base}/{link}/files", timeout=60).json()["files"]:
        assert file["url"].startswith(f"/api/jobs/{link}/")
    for method, tail in (
        *(("DELETE", ""), ("POST", "/retry"), ("PATCH", ""), ("POST", "/again"), ("GET", "/link")),
        *(("POST", "/link"), ("DELETE", "/link"), ("GET", "/events")),
    ):
        body = {"name": "x"} if method == "PATCH" else {}
        answer = requests.request(method, f"{base}/{link}{tail}", timeout=60, json=body)
        assert answer.status_code == 401, (method, tail)
        problem(server.request(method, f"/api/jobs/{link}{tail}", json=body), 404)
    assert requests.get(f"{base}/{other['id']}", timeout=60).status_code == 401
    assert requests.get(f"{base}/link-guess", timeout=60).status_code == 404
    server.token = "berts-secret-token-1"
    problem(server.get(here), 404)
    assert server.get(f"/api/jobs/{link}").status_code == 200
    server.token = "annas-secret-token-1"
    assert server.request("DELETE", f"{here}/link").status_code == 204
    assert requests.get(f"{base}/{link}", timeout=60).status_code == 404
    assert server.request("POST", f"{here}/link").json()["link"] != link


def test_what_a_stopped_job_had_done_is_there(server: Server) -> None:
    job = server.submit(overrides={}).json()
    until(lambda: server.job(job["id"])["frames"] > 20, "some frames")
    server.request("DELETE", f"/api/jobs/{job['id']}")
    ended = server.ended(job["id"])
    assert ended["state"] == "cancelled"
    here = f"/api/jobs/{job['id']}"
    timeline = server.get(f"{here}/timeline").json()
    assert 20 <= timeline["frames"] < 90
    names = {f["name"] for f in server.get(f"{here}/files").json()["files"]}
    assert {"partial_results.pkl", "partial_results.json"} <= names
    assert all("partial" in name for name in names)  # never taken for the whole
    document = server.get(f"{here}/files/partial_results.json").json()
    assert len(document["frames"]) == timeline["frames"]
    assert server.get(f"{here}/charts/{timeline['tracks'][0]['track_id']}").status_code == 200
    server.request("POST", f"{here}/retry")
    assert server.ended(job["id"])["state"] == "succeeded"
    names = {f["name"] for f in server.get(f"{here}/files").json()["files"]}
    assert not any("partial" in name for name in names)
    assert len(server.get(f"{here}/files/results.json").json()["frames"]) == 90


def test_a_link_is_kept_by_the_store(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'jobs.db'}")
    about: dict[str, Any] = {
        "owner": "a",
        "name": "n",
        "source": "s",
        "priority": 0,
        "overrides": {},
    }
    about |= {"frames_total": None, "max_attempts": 1, "digest": "d", "idempotency_key": None}
    store.add(id="1" * 32, **about)
    store.alter("1" * 32, link="link-x")
    found = store.by_link("link-x")
    assert found is not None and found.id == "1" * 32
    store.alter("1" * 32, link=None)
    assert store.by_link("link-x") is None
    store.close()
