"""Live jobs on a real server and a real source: watched, stopped, kept or not, lost, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from live_source import PASSWORD, HttpSource, http_source, udp_source
from service_process import CLIP, Server, end, problem, until

from humantrack.results import TruncatedResultsWarning, load_results

SLOWLY = 0.3
"""Of the clip's pace, so that a busy machine sees a walker walk."""


@pytest.fixture(scope="module")
def source() -> Iterator[HttpSource]:
    with http_source(CLIP, SLOWLY) as one:
        yield one


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, source: HttpSource) -> Iterator[Server]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
        folder = tmp_path_factory.mktemp("live")
        gone = f"http://me:{PASSWORD}@127.0.0.1:{nobody}/secret-path"
        options = ["--live-source", f"front={source.address}", "--live-source", f"gone={gone}"]
        one = Server(folder, *options).start()
        yield one
        end(one)


def begin(server: Server, source: str = "front", **body: Any) -> str:
    answer = server.request("POST", "/api/live", json={"source": source, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def stop(server: Server, id: str, **body: Any) -> Any:
    return server.request("POST", f"/api/jobs/{id}/live/stop", json=body)


def events(server: Server, path: str, name: str) -> Iterator[dict[str, Any]]:
    """The data of the events of a stream, until it ends."""
    with server.get(path, stream=True) as answer:
        assert answer.status_code == 200, answer.text
        kind = None
        for line in answer.iter_lines():
            if line.startswith(b"event: "):
                kind = line[7:].decode()
            elif line.startswith(b"data: "):
                assert kind == name
                yield json.loads(line[6:])


def recorded(server: Server, id: str, frames: int = 8) -> dict[str, Any]:
    """The job, once so many frames are final."""

    def look() -> dict[str, Any] | None:
        job = server.job(id)
        assert job["state"] in ("queued", "running"), job
        return job if job["frames"] >= frames else None

    found: dict[str, Any] = until(look, "frames")
    return found


def all_bytes(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_a_source_is_watched_stopped_and_kept(server: Server, source: HttpSource) -> None:
    about = server.get("/api/live").json()
    assert about["sources"] == [{"name": "front"}, {"name": "gone"}]
    assert about["longest_s"] == 3600 and "end_frame" not in about["overrides"]
    id = begin(server, name="The yard", overrides={"live.duration": "10m"})
    job = server.job(id)
    assert (job["name"], job["live"]) == ("The yard", {"source": "front", "ending": False})

    records: list[dict[str, Any]] = []
    for told in events(server, f"/api/jobs/{id}/live/records", "records"):
        records.append(told)
        if sum(one["state"] == "final" for one in records) >= 3:
            break
    first = {}
    for told in records:
        assert set(told) >= {"frame", "time_s", "captured_unix_s", "delay_ms", "skipped", "people"}
        first.setdefault(told["frame"], told["state"])
    assert list(first.values()).count("provisional") >= 3
    shown = [told["frame"] for told in records if told["state"] == "provisional"]
    assert shown == sorted(set(shown))

    for told in events(server, f"/api/jobs/{id}/live/scene", "scene"):
        assert (told["width"], told["height"]) == (640, 360)
        if told["people"]:
            break
    person, track = told["people"][0], told["tracks"][0]
    assert person["track_id"] == track["track_id"] and len(person["rotations"]) == 24
    assert np.array(track["rest"]).shape == (24, 3)

    picture = server.get(f"/api/jobs/{id}/live/overlay.jpg")
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(picture.content, np.uint8), 1).shape == (360, 640, 3)
    assert len(pictures(server, id, 3)) == 3

    assert stop(server, id).json()["live"]["ending"] is True
    done = server.ended(id)
    assert (done["state"], done["warnings"], done["error"]) == ("succeeded", [], None)
    assert done["frames"] > 5 and done["people"] >= 1
    files = {one["name"]: one for one in server.get(f"/api/jobs/{id}/files").json()["files"]}
    assert {"overlay.mp4", "results.pkl", "results.json", "results.meta.json"} <= set(files)
    results = server.get(f"/api/jobs/{id}/files/results.pkl").content
    meta = server.get(f"/api/jobs/{id}/files/results.meta.json").json()
    assert (meta["status"], meta["frame_count"]) == ("complete", done["frames"])
    assert meta["live"]["address"] == "http://front" and meta["warnings"] == []
    (server.data / "kept.pkl").write_bytes(results)
    assert len(load_results(server.data / "kept.pkl")) == done["frames"]
    assert server.get(f"/api/jobs/{id}/timeline").json()["frames"] == done["frames"]
    problem(stop(server, id), 409, "StateError")
    problem(server.get(f"/api/jobs/{id}/live/scene"), 409, "StateError")
    problem(server.get(f"/api/jobs/{id}/live/overlay.jpg"), 404)

    everything = all_bytes(server.data) + server.log.read_bytes()
    for secret in (PASSWORD, "secret-path", f":{source.port}"):
        assert secret.encode() not in everything
    assert not list((server.data / "jobs" / id).rglob("live"))


def pictures(server: Server, id: str, count: int) -> list[bytes]:
    """The first pictures of a live job's stream."""
    found: list[bytes] = []
    with server.get(f"/api/jobs/{id}/live/overlay.mjpg", stream=True) as answer:
        kind = answer.headers["Content-Type"]
        assert kind.startswith("multipart/x-mixed-replace; boundary=")
        mark, rest = b"--" + kind.partition("boundary=")[2].encode(), b""
        for data in answer.iter_content(4096):
            *parts, rest = (rest + data).split(mark)
            found += [p.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for p in parts if p.strip()]
            if len(found) >= count:
                break
    assert all(cv2.imdecode(np.frombuffer(p, np.uint8), 1) is not None for p in found)
    return found


def test_what_is_not_kept_is_gone_and_a_cancelled_one_keeps_nothing(server: Server) -> None:
    one = begin(server, overrides={"render.enable": False})
    recorded(server, one, 1)
    assert stop(server, one, keep=False).status_code == 202
    until(lambda: server.get(f"/api/jobs/{one}").status_code == 404, "its end")
    until(lambda: not (server.data / "jobs" / one).exists(), "the end of its files")

    two = begin(server, overrides={"render.enable": False})
    recorded(server, two, 1)
    assert server.request("DELETE", f"/api/jobs/{two}").status_code == 202
    job = server.ended(two)
    assert (job["state"], job["error"]) == ("cancelled", None)
    until(lambda: not (server.data / "jobs" / two / "attempts").exists(), "the end of its files")
    problem(server.get(f"/api/jobs/{two}/timeline"), 409, "StateError")
    problem(server.request("POST", f"/api/jobs/{two}/retry"), 409, "StateError")
    again = server.request("POST", f"/api/jobs/{two}/again", json={"overrides": {}}).json()
    assert again["live"]["source"] == "front" and again["id"] != two
    assert stop(server, again["id"], keep=False).status_code == 202
    until(lambda: server.get(f"/api/jobs/{again['id']}").status_code == 404, "its end")


def test_a_dead_worker_leaves_what_it_recorded_and_nothing_begins_again(server: Server) -> None:
    id = begin(server, overrides={"render.enable": False})
    recorded(server, id)
    os.kill(server.worker_pids()[-1], signal.SIGKILL)
    job = server.ended(id)
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert job["error"]["code"] == "WorkerLostError"
    assert (
        f"{job['frames']} frames that were recorded until then are kept" in job["error"]["detail"]
    )
    names = [one["name"] for one in server.get(f"/api/jobs/{id}/files").json()["files"]]
    assert "partial_results.pkl" in names and "results.pkl" not in names
    (server.data / "part.pkl").write_bytes(
        server.get(f"/api/jobs/{id}/files/partial_results.pkl").content
    )
    with pytest.warns(TruncatedResultsWarning):
        assert len(load_results(server.data / "part.pkl")) >= job["frames"]
    assert server.get(f"/api/jobs/{id}/timeline").json()["frames"] >= job["frames"]
    problem(server.request("POST", f"/api/jobs/{id}/retry"), 409, "StateError")


def test_a_source_that_is_not_there_is_told_by_its_name(server: Server) -> None:
    job = server.ended(begin(server, "gone"))
    assert job["state"] == "failed" and job["error"]["exit_code"] in (3, 4)
    assert "gone" in job["error"]["detail"]
    everything = all_bytes(server.data) + server.log.read_bytes() + json.dumps(job).encode()
    assert PASSWORD.encode() not in everything and b"127.0.0.1" not in json.dumps(job).encode()


def test_what_was_not_listed_or_is_wrong_is_refused(server: Server) -> None:
    def post(**body: Any) -> Any:
        return server.request("POST", "/api/live", json=body)

    for name in ("nobody", "http://front", "camera:0", "rtsp://10.0.0.1/a", "Front"):
        problem(post(source=name), 404, "NotFound")
    problem(post(source="front", overrides={"end_frame": 3}), 422, "ConfigError")
    for length in ("0", "-1", "x", 0):
        problem(post(source="front", overrides={"live.duration": length}), 422, "ConfigError")
    for body in ({}, {"source": 3}, {"source": "front", "address": "x"}):
        problem(post(**body), 422, "ValidationError")
    key = {"Idempotency-Key": "the same"}
    made = [
        server.request("POST", "/api/live", json={"source": "gone"}, headers=key) for _ in range(2)
    ]
    assert made[0].json()["id"] == made[1].json()["id"]
    for path in ("records", "scene", "overlay.mjpg", "overlay.jpg"):
        problem(server.get(f"/api/jobs/{'0' * 32}/live/{path}"), 404)
    server.ended(made[0].json()["id"])


def test_limits_and_the_end_of_the_service_end_it_well(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    with udp_source(CLIP, SLOWLY) as address:
        file = tmp_path / "sources"
        file.write_text(f"# of the yard\nudp {address}\n")
        options = ("--live-sources", str(file), "--live-duration", "6s")
        server = make_server(*options, "--lease", "5s")
        job = server.ended(begin(server, "udp", overrides={"render.enable": False}))
        assert job["state"] == "succeeded" and job["frames"] > 0, job
        assert "6 s are the longest" in " ".join(job["warnings"])
        asked = {"live.duration": "1s", "render.enable": False}
        job = server.ended(begin(server, "udp", overrides=asked))
        assert job["state"] == "succeeded" and "longest" not in " ".join(job["warnings"])
        id = begin(server, "udp", overrides={"render.enable": False})
        recorded(server, id, 1)
        assert server.stop() == 0
        server.start()
        job = server.ended(id)
        assert job["state"] == "succeeded" and job["attempts"] == 1
        assert "ended early: the service was stopped" in job["warnings"]
        frames = server.get(f"/api/jobs/{id}/timeline").json()["frames"]
        assert frames == job["frames"] > 0


def test_a_lost_source_is_said(make_server: Callable[..., Server]) -> None:
    with http_source(CLIP, SLOWLY) as source:
        server = make_server("--live-source", f"front={source.address}", "--live-reconnect", "2s")
        id = begin(server, overrides={"render.enable": False})
        recorded(server, id)
        source.close()
        lost = until(lambda: server.job(id)["warnings"], "the loss")
        assert "the source is lost since" in lost[0] or "not back" in " ".join(lost)
        job = server.ended(id)
        assert job["state"] == "succeeded" and job["frames"] > 0
        assert "the source was lost" in " ".join(job["warnings"])


# -- whom it is shown -----------------------------------------------------------------------------


def test_live_jobs_are_their_owners_and_end_with_the_session(
    tmp_path: Path, source: HttpSource
) -> None:
    import requests

    tokens = tmp_path / "tokens.txt"
    lines = {"anna": "anna annas-very-long-token\n", "ben": "ben bens-even-longer-token\n"}
    tokens.write_text("".join(lines.values()))
    listed = ("--live-source", f"front={source.address}", "--token-file", str(tokens))
    server = Server(tmp_path, *listed, "--role", "web").start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        problem(server.get("/api/live"), 401)
        assert "front" not in server.get("/api/limits").text
        anna, ben = ({"Authorization": f"Bearer {line.split()[1]}"} for line in lines.values())
        made = server.request("POST", "/api/live", json={"source": "front"}, headers=anna)
        id = made.json()["id"]
        for path in ("records", "scene", "overlay.mjpg", "overlay.jpg"):
            problem(server.get(f"/api/jobs/{id}/live/{path}", headers=ben), 404)
        answer = server.request("POST", f"/api/jobs/{id}/live/stop", json={}, headers=ben)
        problem(answer, 404)
        link = server.request("POST", f"/api/jobs/{id}/link", headers=anna).json()["link"]
        problem(server.get(f"/api/jobs/{link}/live/scene"), 401)

        for path in ("events", "live/scene", "live/overlay.mjpg"):
            with requests.Session() as browser:
                browser.post(f"{url}/api/session", json={"token": lines["anna"].split()[1]})
                with browser.get(f"{url}/api/jobs/{id}/{path}", stream=True, timeout=60) as open_:
                    assert open_.status_code == 200
                    browser.delete(f"{url}/api/session")
                    for _ in open_.iter_content(None):  # ends, and soon: nothing is to come
                        pass
                assert browser.get(f"{url}/api/jobs/{id}").status_code == 401

        with (
            server.get(f"/api/jobs/{id}/events", headers=anna, stream=True) as hers,
            server.get(f"/api/jobs/{id}/live/records", headers=anna, stream=True) as more,
        ):
            tokens.write_text(lines["ben"])
            for one in (hers, more):
                for _ in one.iter_content(None):
                    pass
        problem(server.get(f"/api/jobs/{id}", headers=anna), 401)
        assert server.get("/api/jobs", headers=ben).status_code == 200
        assert server.get("/api/jobs", headers=ben).json()["total"] == 0
    finally:
        end(server)


def test_the_command_refuses_what_is_no_source(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "humantrack.service.cli", "--data", str(tmp_path)]
    wrong = "x=ftp://me:s3cret@h/a"
    done = subprocess.run(
        [*command, "--live-source", wrong], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "s3cret" not in done.stderr
    assert done.stderr.count("\n") == 1 and "not the address of a live source" in done.stderr


@pytest.fixture
def can_be_interrupted() -> Iterator[None]:
    """What is started hears Ctrl-C, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("can_be_interrupted")
def test_the_command_records_and_fetches(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "humantrack.service.cli", "record"]
    url = ["--url", f"http://127.0.0.1:{server.port}"]
    listed = subprocess.run([*command, *url], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == ["front", "gone"]
    out = tmp_path / "out"
    asked = ["front", "--set", "render.enable=false", "-o", str(out), "--file", "results.pkl"]
    with subprocess.Popen([*command, *asked, *url], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        id = running.stdout.readline().strip()
        recorded(server, id, 1)
        running.send_signal(signal.SIGINT)
        assert running.wait(120) == 0
    assert len(load_results(out / "results.pkl")) == server.job(id)["frames"] > 0
    refused = subprocess.run(
        [*command, "nobody", *url], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
