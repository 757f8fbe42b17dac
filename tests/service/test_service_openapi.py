"""The description of the API is true: schemathesis asks a running server whatever it allows."""

from __future__ import annotations

from typing import Any

import pytest
from service_process import Server

_CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
)


def test_every_route_is_described(server: Server) -> None:
    spec = server.get("/openapi.json").json()
    routes = {(method, path) for path, ops in spec["paths"].items() for method in ops}
    for route in (
        *(("post", "/api/jobs"), ("get", "/api/jobs"), ("get", "/api/jobs/{job_id}")),
        *(("get", "/api/jobs/{job_id}/events"), ("delete", "/api/jobs/{job_id}")),
        *(("post", "/api/jobs/{job_id}/retry"), ("get", "/api/jobs/{job_id}/files")),
        *(("get", "/api/jobs/{job_id}/files/{name}"), ("get", "/api/jobs/{job_id}/preview.jpg")),
        *(("get", "/api/jobs/{job_id}/timeline"), ("get", "/api/jobs/{job_id}/frames")),
        *(("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"), ("get", "/api/limits")),
    ):
        assert route in routes
    body = spec["paths"]["/api/jobs"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    page = server.get("/docs").text
    assert all(path in page for _, path in routes) and "<script" not in page


@pytest.mark.slow
def test_no_request_is_answered_otherwise_than_described(make_server: Any) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    server = make_server("--role", "web", "--rate", "0", "--max-queued", "1000")
    base = f"http://127.0.0.1:{server.port}"
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    checks = [getattr(schemathesis.checks, name) for name in _CHECKS]
    seen = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=25,
            deadline=None,
            phases=[Phase.generate],
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=base, checks=checks, timeout=60)

        ask()
        seen += 1
    assert seen >= 17
    lines = [x for x in server.lines() if x["event"] == "request"]
    assert len(lines) > 200 and max(x["status"] for x in lines) < 500


def test_answers_about_a_finished_job_are_as_described(
    server: Server, done: dict[str, Any]
) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    base = f"http://127.0.0.1:{server.port}"
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    checks = [getattr(schemathesis.checks, name) for name in _CHECKS]
    for tail in ("", "/events", "/files", "/timeline", "/frames", "/preview.jpg", "/files/{name}"):
        case = schema[f"/api/jobs/{{job_id}}{tail}"]["GET"].Case(
            path_parameters={"job_id": done["id"], "name": "results.json"}
        )
        answer = case.call_and_validate(base_url=base, checks=checks, timeout=60)
        assert answer.status_code == 200
