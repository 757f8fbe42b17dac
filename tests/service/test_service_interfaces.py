"""What clients rely on: files being made, parts of files, names, queries, exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_process import CLIP, Server, problem, until

from humantrack.service.privacy import without_paths
from humantrack.service.web.names import saved_name
from humantrack.service.web.ranges import is_one_part

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def fresh(server: Server, done: dict[str, Any]) -> Callable[..., Any]:
    """Asks about the finished job."""

    def ask(method: str, tail: str, **named: Any) -> Any:
        return server.request(method, f"/api/jobs/{done['id']}{tail}", **named)

    return ask


def test_a_file_is_made_while_its_status_is_watched(fresh: Callable[..., Any]) -> None:
    assert fresh("GET", "/timeline").status_code == 200  # the list of files is there from here on
    name = "/files/results.glb"
    before = fresh("GET", f"{name}/status").json()
    assert (before["state"], before["progress"], before["error"]) == ("absent", 0.0, None)
    first = fresh("GET", name, headers=ASYNC)
    assert first.status_code == 202 and int(first.headers["Retry-After"]) > 0
    told = first.json()
    assert told["state"] in ("queued", "running") and told["name"] == "results.glb"
    assert first.headers["Content-Location"] == told["status_url"]
    assert told["status_url"].endswith(f"{name}/status")

    def is_ready() -> bool:
        state = fresh("GET", f"{name}/status").json()
        assert state["state"] in ("queued", "running", "ready"), state
        assert state["progress"] is None or 0 <= state["progress"] <= 1
        return bool(state["state"] == "ready")

    until(is_ready, "the file")
    whole = fresh("GET", name, headers=ASYNC)
    assert whole.status_code == 200 and whole.content[:4] == b"glTF"
    again = fresh("POST", name)
    assert again.status_code == 200 and again.json()["progress"] == 1.0


def test_a_making_is_cancelled_and_leaves_nothing(
    server: Server, done: dict[str, Any], fresh: Callable[..., Any]
) -> None:
    fresh("GET", "/timeline")
    name = "/files/results.coco.json"
    problem(fresh("DELETE", name), 409, "StateError")
    begun = fresh("POST", name)
    assert begun.status_code == 202
    assert fresh("DELETE", name).status_code == 204
    assert fresh("GET", f"{name}/status").json()["state"] == "cancelled"
    made = server.data / "jobs" / done["id"] / "made"
    assert not [p for p in made.iterdir() if p.name.startswith(".") or "coco" in p.name]
    assert fresh("GET", name).status_code == 200  # asked for again, it is made
    problem(fresh("DELETE", name), 409)
    problem(fresh("POST", "/files/nobody.json"), 404)
    problem(fresh("GET", "/files/nobody.json/status"), 404)


@pytest.mark.parametrize("asked", ["wait=0", "WAIT=0", "foo, respond-async", "wait=0; foo=1"])
def test_a_request_says_how_long_it_waits(fresh: Callable[..., Any], asked: str) -> None:
    answer = fresh("GET", "/files/results.csv", headers={"Prefer": asked})
    assert answer.status_code in (200, 202)
    assert answer.headers["Content-Type"].startswith(("text/csv", "application/json"))
    fresh("DELETE", "/files/results.csv")


@pytest.mark.parametrize(
    "header",
    [
        *("bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1-2,4-5", "bytes=0-0,-1"),
        *(
            "items=0-5",
            "bytes 0-5",
            "bytes=0-5;q=1",
            "bytes=--5",
            "bytes=1--5",
            "0-5",
            "bytes=0x1-",
        ),
        *("bytes=1-2-3", "bytes=²-", "bytes=" + "9" * 40 + "-", ","),
    ],
)
def test_a_range_that_is_none_or_several_is_ignored(fresh: Callable[..., Any], header: str) -> None:
    whole = fresh("GET", "/files/results.pkl")
    answer = fresh("GET", "/files/results.pkl", headers={"Range": header.encode()})
    assert answer.status_code == 200 and answer.content == whole.content
    assert "Content-Range" not in answer.headers


def test_one_range_is_honoured(fresh: Callable[..., Any]) -> None:
    whole = fresh("GET", "/files/results.pkl").content
    size = len(whole)
    for header, part in (
        *(("bytes=0-0", whole[:1]), ("bytes=7-", whole[7:]), ("bytes=-9", whole[-9:])),
        *((f"bytes=2-{10 * size}", whole[2:]), (f"bytes=-{10 * size}", whole)),
        *(("Bytes=3-5", whole[3:6]), ("bytes= 3 - 5", whole[3:6])),
    ):
        answer = fresh("GET", "/files/results.pkl", headers={"Range": header})
        assert answer.content == part and answer.status_code in (200, 206), header
    assert (
        fresh("GET", "/files/results.pkl", headers={"Range": f"bytes={size}-"}).status_code == 416
    )
    head = fresh("HEAD", "/files/results.pkl", headers={"Range": "bytes=0-5"})
    assert head.status_code == 200 and int(head.headers["Content-Length"]) == size


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_range_is_one_part_if_its_ends_are_in_order(first: int, last: int) -> None:
    assert is_one_part(f"bytes={first}-{last}") == (first <= last)
    assert is_one_part(f"bytes={first}-") and is_one_part(f"bytes=-{last}")
    assert not is_one_part(f"bytes={first}-{last},{first}-{last}")


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader_of_ranges(text: str) -> None:
    assert is_one_part(text) in (True, False)
    assert not is_one_part(f"bytes={text},0-1")


@pytest.mark.parametrize(
    "path",
    [
        *("/api/jobs?stat=running", "/api/jobs?page=1&page=2", "/api/jobs/{id}?x=1"),
        *("/api/jobs/{id}/files?x", "/api/jobs/{id}/files/results.pkl?download=1"),
        *("/api/jobs/{id}/frames?begin=1", "/api/jobs/{id}/timeline?a=b", "/api/limits?x=1"),
        *("/api/jobs/{id}/preview.jpg?w=1", "/api/body.glb?v=2", "/healthz?x=1", "/metrics?x=1"),
    ],
)
def test_a_query_parameter_that_is_not_known_is_refused(
    server: Server, done: dict[str, Any], path: str
) -> None:
    told = problem(server.get(path.format(id=done["id"])), 422, "ValidationError")
    assert "parameter" in told["detail"]


def test_known_query_parameters_are_named(server: Server) -> None:
    detail = problem(server.get("/api/jobs?stat=running"), 422)["detail"]
    assert "stat;" in detail and "page, per_page" in detail and "state" in detail
    assert server.get("/api/jobs?page=1&state=queued").status_code == 200
    assert server.get("/static/js/main.js?v=1").status_code == 200


# -- names ----------------------------------------------------------------------------------------

NAMES = (
    *("Läufer 1.mp4", "zwei  Räume.mov", "日本 語.mp4", "a'b & (c) [d] 100%.mp4", "e\u0301té.mp4"),
    *('two "takes".mp4', "at 3.45\u202fPM\xa0x\u3000y.mp4"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_arrives_as_it_is_and_names_the_downloads(
    server: Server, tmp_path: Path, name: str
) -> None:
    clip = tmp_path / name
    clip.write_bytes(CLIP.read_bytes())
    by_client = subprocess.run(
        [
            *(sys.executable, "-m", "humantrack.service.cli", "submit", str(clip)),
            *("--url", f"http://127.0.0.1:{server.port}", "--set", "end_frame=3"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    by_requests = server.submit(clip, {"end_frame": 3}).json()["id"]
    for id in (by_client.stdout.strip(), by_requests):
        assert server.job(id)["name"] == re.sub(r"\s", " ", name)  # spaces of any sort
        answer = server.get(f"/api/jobs/{id}/preview.jpg")
        said = answer.headers["Content-Disposition"]
        stem = re.sub(r"\s", " ", Path(name).stem).replace('"', "_")
        assert f"filename*=UTF-8''{quote(stem + '_preview.jpg', safe='')}" in said or (
            f'filename="{stem}_preview.jpg"' in unquote(said)
        )
        server.request("DELETE", f"/api/jobs/{id}")


def test_downloads_are_named_after_the_clip(server: Server, done: dict[str, Any]) -> None:
    listed = server.get(f"/api/jobs/{done['id']}/files").json()["files"]
    saved = {file["name"]: file["saved_as"] for file in listed}
    assert saved["results.json"] == "demo_small.json" and len(set(saved.values())) == len(saved)
    assert saved["overlay.mp4"] == "demo_small_overlay.mp4"
    assert saved["results_track1.bvh"] == "demo_small_track1.bvh"
    answer = server.get(f"/api/jobs/{done['id']}/files/results.pkl")
    assert "demo_small.pkl" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("clip", "saved"),
    [
        ("Läufer 1.mp4", "Läufer 1_track1.bvh"),
        ("con.mp4", "_con_track1.bvh"),
        ("NUL", "_NUL_track1.bvh"),
        ("a/b:c*?.mp4", "a_b_c__track1.bvh"),
        ("..", "clip_track1.bvh"),
        (".mp4", "mp4_track1.bvh"),
        ("-rf.mp4", "_-rf_track1.bvh"),
        ("take 2.final cut", "take 2.final cut_track1.bvh"),
        ("x" * 300 + ".mp4", "x" * 120 + "_track1.bvh"),
    ],
)
def test_what_is_saved_has_a_name_that_every_system_takes(clip: str, saved: str) -> None:
    assert saved_name(clip, "results_track1.bvh") == saved


@given(st.text(max_size=300))
def test_every_clip_gives_a_good_name(clip: str) -> None:
    name = saved_name(clip, "results.json")
    assert name.endswith(".json") and len(name) <= 130 and name.isprintable()
    assert not set(name) & set('<>:"/\\|?*\r\n\0') and name == name.strip()


# -- paths of the server --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not there: /srv/data/jobs/x/clip.mp4", "not there: clip.mp4"),
        ("put it there (~/.cache/4DHumans/data/)", "put it there ()"),
        (
            "see https://example.org/a/b and /api/jobs/7",
            "see https://example.org/a/b and /api/jobs/7",
        ),
        ("and/or 3/4 of it, 10 m/s", "and/or 3/4 of it, 10 m/s"),
        (r"C:\Users\anna\clip.mp4 is not there", "clip.mp4 is not there"),
        ("'/data/x y/clip' is bad", "'clip' is bad"),
    ],
)
def test_words_for_clients_hold_no_path(text: str, told: str) -> None:
    assert without_paths(text, ("/data/x y/", "")) == told


def test_no_answer_names_a_path_of_the_server(server: Server) -> None:
    id = server.submit(overrides={"tracker": "hmr2"}).json()["id"]
    said = server.ended(id)["error"]["detail"]
    assert "/" not in said.replace("humantrack-weights", ""), said


def test_hmr2_is_offered_only_where_its_files_are(server: Server) -> None:
    choices = server.get("/api/limits").json()["overrides"]["tracker"]["choices"]
    assert choices == ["auto", "embedded"]


# -- the client's exit codes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"no video", (), 4),
        (None, ("--set", "end_frame=-1"), 2),
        (None, ("--set", "nobody=1"), 2),
        (None, ("--set", "tracker=hmr2", "--wait"), 7),
        (None, ("--priority", "1000"), 1),
    ],
)
def test_submit_exits_with_the_errors_code(
    server: Server, tmp_path: Path, content: bytes | None, options: tuple[str, ...], code: int
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(CLIP.read_bytes() if content is None else content)
    command = [sys.executable, "-m", "humantrack.service.cli", "submit", str(clip), *options]
    run = subprocess.run(
        [*command, "--url", f"http://127.0.0.1:{server.port}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code, run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("humantrack-serve: ")


def test_submit_fetches_what_has_to_be_made(server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "humantrack.service.cli", "submit", str(CLIP)]
    command += ["--url", f"http://127.0.0.1:{server.port}", "-o", str(tmp_path / "got")]
    command += ["--set", "end_frame=3", "--file", "results.json", "--file", "results.csv"]
    subprocess.run(command, check=True, capture_output=True)
    assert {p.name for p in (tmp_path / "got").iterdir()} == {"results.json", "results.csv"}
    assert (tmp_path / "got" / "results.json").read_bytes().startswith(b"{")
