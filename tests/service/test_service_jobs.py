"""Jobs over HTTP on the shipped clip, by the embedded default."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from service_process import CLIP, SHORT, WAIT_S, Server, until
from service_results import assert_equal_results, command_line

from humantrack import iter_results


def test_results_are_those_of_the_command_line(
    server: Server, done: dict[str, Any], tmp_path: Path
) -> None:
    expected = command_line(tmp_path, "video.end_frame=12", "render.enable=false")
    answer = server.get(f"/api/jobs/{done['id']}/files/results.pkl")
    assert answer.status_code == 200
    got = tmp_path / "got.pkl"
    got.write_bytes(answer.content)
    assert_equal_results(got, expected)


def test_a_finished_job_says_what_it_did(done: dict[str, Any]) -> None:
    assert done["name"] == "demo_small.mp4"
    assert (done["progress"], done["frames"], done["frames_total"]) == (1.0, 12, 12)
    assert done["fps"] > 0 and done["people"] >= 1
    assert done["error"] is None and done["seconds_left"] is None
    assert done["attempts"] == 1 and done["overrides"] == {"end_frame": 12}
    assert done["created_at"] <= done["started_at"] <= done["ended_at"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_workers_go_before_the_web_server(server: Server) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert server.process is not None
    assert os.getpriority(os.PRIO_PROCESS, server.process.pid) == min(ours + 7, 19)
    assert os.getpriority(os.PRIO_PROCESS, server.worker_pids()[-1]) == ours


def test_events_tell_of_every_state_and_then_close(server: Server) -> None:
    id = server.submit().json()["id"]
    answer = server.get(f"/api/jobs/{id}/events", stream=True)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = [line for line in answer.iter_lines(decode_unicode=True) if line]
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    states = [job["state"] for job in data]
    assert (
        states[-1] == "succeeded"
        and sorted(states, key=("queued", "running", "succeeded").index) == states
    )
    assert [job["frames"] for job in data] == sorted(job["frames"] for job in data)
    assert data[-1]["frames"] == 12


def test_a_running_job_is_cancelled_and_retried(server: Server) -> None:
    id = server.submit(overrides={"render.enable": False}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    assert server.request("DELETE", f"/api/jobs/{id}").status_code == 202
    job = server.ended(id)
    assert job["state"] == "cancelled" and 0 < job["frames"] < job["frames_total"]
    answer = server.request("POST", f"/api/jobs/{id}/retry")
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    assert server.ended(id)["state"] == "succeeded"
    assert server.request("POST", f"/api/jobs/{id}/retry").status_code == 409


def test_a_removed_job_is_gone_with_its_files(server: Server) -> None:
    id = server.submit().json()["id"]
    server.ended(id)
    assert (server.data / "jobs" / id).is_dir()
    assert server.request("DELETE", f"/api/jobs/{id}").status_code == 204
    assert server.get(f"/api/jobs/{id}").status_code == 404
    assert not (server.data / "jobs" / id).exists()


def test_an_idempotency_key_gives_the_first_job_again(server: Server) -> None:
    headers = {"Idempotency-Key": "one-and-only"}
    first = server.submit(headers=headers)
    again = server.submit(headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Location"] == f"/api/jobs/{first.json()['id']}"
    other = server.submit(overrides={"end_frame": 13}, headers=headers)
    assert other.status_code == 422 and other.json()["code"] == "IdempotencyKeyReusedError"


def test_jobs_are_listed_newest_first_and_by_state(server: Server, done: dict[str, Any]) -> None:
    listed = server.get("/api/jobs?per_page=2").json()
    assert listed["page"] == 1 and listed["per_page"] == 2 and len(listed["jobs"]) <= 2
    every = server.get("/api/jobs?per_page=200").json()
    times = [job["created_at"] for job in every["jobs"]]
    assert times == sorted(times, reverse=True) and every["total"] == len(times)
    states = {job["state"] for job in server.get("/api/jobs?state=succeeded").json()["jobs"]}
    assert states == {"succeeded"}
    assert server.get("/api/jobs?page=1000").json()["jobs"] == []


def test_a_job_that_fails_says_why_without_naming_paths(server: Server) -> None:
    id = server.submit(overrides={"tracker": "hmr2"}).json()["id"]
    job = server.ended(id)
    assert job["state"] == "failed"
    assert job["error"]["code"] == "MissingWeightsError" and job["error"]["exit_code"] == 7
    assert str(server.data) not in job["error"]["detail"]
    assert server.get(f"/api/jobs/{id}/timeline").status_code == 409


def test_sigterm_hands_a_job_back_that_goes_on_at_its_checkpoint(
    make_server: Any, tmp_path: Path
) -> None:
    expected = command_line(tmp_path, "render.enable=false")
    server = make_server()
    id = server.submit(overrides={"render.enable": False}).json()["id"]
    until(lambda: server.job(id)["frames"] > 0, "the first frame")
    assert server.stop() == 0
    assert any(x["event"] == "job ended" and x["state"] == "handed back" for x in server.lines())
    server.start()
    job = server.ended(id)
    assert job["state"] == "succeeded" and job["attempts"] == 1
    meta = server.get(f"/api/jobs/{id}/files/results.meta.json").json()
    assert 0 < meta["resumed_from"] < meta["frame_count"]
    got = server.data / "jobs" / id / "out" / "results" / "demo_clip.pkl"
    assert_equal_results(got, expected)


@pytest.mark.skipif(sys.platform == "win32", reason="the client of the test server is POSIX's")
def test_the_client_submits_waits_and_downloads(server: Server, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "humantrack.service.cli", "submit", str(CLIP)),
            *("--url", f"http://127.0.0.1:{server.port}", "--wait", "-o", str(tmp_path)),
            *("--set", "end_frame=12", "--set", "render.enable=false"),
            *("--file", "results.json", "--file", "results.pkl"),
        ],
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    document = json.loads((tmp_path / "results.json").read_bytes())
    assert len(document["frames"]) == 12
    assert len(list(iter_results(tmp_path / "results.pkl"))) == 12


def test_an_upload_that_is_broken_off_leaves_nothing(server: Server) -> None:
    before = server.get("/api/jobs").json()["total"]
    piece = io.BytesIO(CLIP.read_bytes()[:1000])

    def body() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        yield piece.read()
        raise ConnectionAbortedError

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with pytest.raises((requests.RequestException, ConnectionAbortedError)):
        server.request("POST", "/api/jobs", data=body(), headers=headers)
    until(lambda: not list((server.data / "incoming").iterdir()), "an empty folder")
    assert server.get("/api/jobs").json()["total"] == before
    assert server.submit(overrides=SHORT).status_code == 202
