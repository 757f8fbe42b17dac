"""A client that a program makes of the API's description works."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from service_process import CLIP, Server

pytest.importorskip("openapi_python_client")


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package of a client, made of what the server says of itself."""
    folder = tmp_path_factory.mktemp("generated")
    spec = folder / "openapi.json"
    spec.write_text(server.get("/openapi.json").text)
    settings = folder / "config.yml"
    settings.write_text("post_hooks: []\nuse_path_prefixes_for_title_model_names: false\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(spec)]
    command += ["--config", str(settings), "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(
        [*command, "--output-path", str(folder / "made_client")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("made_client")
    finally:
        sys.path.remove(str(folder))


def call(name: str, *arguments: Any, **named: Any) -> Any:
    """The answer of one of its functions: whatever it may be, it must be understood."""
    answer = importlib.import_module(f"made_client.api.{name}").sync_detailed(*arguments, **named)
    assert answer.parsed is not None, (name, answer.status_code, answer.content[:300])
    return answer


@pytest.fixture
def client(made: Any, server: Server) -> Iterator[Any]:
    address = f"http://127.0.0.1:{server.port}"
    one = made.Client(base_url=address, raise_on_unexpected_status=True, timeout=180)
    with one as client:
        yield client


def test_it_submits_watches_and_downloads(
    client: Any, server: Server, done: dict[str, Any]
) -> None:
    models = importlib.import_module("made_client.models")
    types = importlib.import_module("made_client.types")

    state = models.GetApiJobsState("succeeded")
    listed = call("jobs.get_api_jobs", client=client, state=state).parsed
    assert done["id"] in {job.id for job in listed.jobs}
    job = call("jobs.get_api_jobs_job_id", done["id"], client=client).parsed
    assert (job.name, job.state, job.error) == (done["name"], "succeeded", None)

    files = call("results.get_api_jobs_job_id_files", done["id"], client=client).parsed.files
    for name in ("overlay.mp4", "results.pkl", "results.json", "results.csv", "results.glb"):
        assert name in {file.name for file in files}
        file = call("results.get_api_jobs_job_id_files_name", done["id"], name, client=client)
        assert file.status_code == 200
        same = server.get(f"/api/jobs/{done['id']}/files/{name}").content
        assert file.parsed.payload.read() == same
    picture = call("results.get_api_jobs_job_id_preview_jpg", done["id"], client=client)
    assert picture.parsed.payload.read()[:2] == b"\xff\xd8"
    body = call("service.get_api_body_glb", client=client)
    assert body.parsed.payload.read()[:4] == b"glTF"
    told = call(
        "results.get_api_jobs_job_id_files_name_status", done["id"], "results.csv", client=client
    ).parsed
    assert (told.state, told.progress) == ("ready", 1.0)
    frames = call("results.get_api_jobs_job_id_frames", done["id"], client=client, count=3).parsed
    assert [frame.index for frame in frames.frames] == [0, 1, 2]
    timeline = call("results.get_api_jobs_job_id_timeline", done["id"], client=client).parsed
    assert timeline.frames == 12

    with CLIP.open("rb") as clip:
        form = models.PostApiJobsFilesBody(
            file=types.File(payload=clip, file_name="Läufer 1.mp4"),
            overrides=json.dumps({"end_frame": 2}),
        )
        sent = call("jobs.post_api_jobs", client=client, body=form).parsed
    assert sent.name == "Läufer 1.mp4" and sent.overrides.to_dict() == {"end_frame": 2}
    call("jobs.delete_api_jobs_job_id", sent.id, client=client)

    nobody = call("jobs.get_api_jobs_job_id", "0" * 32, client=client)
    assert nobody.status_code == 404 and nobody.parsed.code == "NotFound"
    limits = call("service.get_api_limits", client=client).parsed
    assert limits.upload_bytes > 0
