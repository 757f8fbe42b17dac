"""The parts of /openapi.json that no decorator says, and /docs: the same as a plain page."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from apiflask import APIFlask
from flask import Response

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
    },
}
_OVERRIDES = {"type": "object", "description": "See /api/limits"}
_PRIORITY = {"type": "integer", "minimum": -100, "maximum": 100, "default": 0}
_SUBMIT = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "overrides": {"type": "string", "description": "A JSON object"},
                    "priority": _PRIORITY,
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["source"],
                "additionalProperties": False,
                "properties": {
                    "source": {"type": "string"},
                    "overrides": _OVERRIDES,
                    "priority": _PRIORITY,
                },
            }
        },
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_ID = re.compile(r"\{job_id\}")


def complete_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Add the body of a submission, tokens, and problem documents."""
    parts = spec.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = _PROBLEM
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    problem = {
        "description": "A problem document (RFC 9457)",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if not isinstance(operation, dict):
                continue
            answers = operation.setdefault("responses", {})
            for status in ("404", "422"):  # told in another way by default
                answers.pop(status, None)
            answers["default"] = problem
            if path.startswith(("/api/jobs", "/api/files", "/api/live")) or path == "/metrics":
                operation["security"] = [{"token": []}, {}]
            if (path, method) == ("/api/jobs", "post"):
                operation["requestBody"] = _SUBMIT
            if (path, method) in (("/api/jobs", "post"), ("/api/live", "post")):
                operation.setdefault("parameters", []).append(_KEY)
    return spec


def add_docs(app: APIFlask) -> None:
    """Add /docs. It needs no script and nothing from other servers."""

    @app.get("/docs")
    @app.doc(hide=True)
    def docs() -> Any:
        return Response(_page(app.spec), mimetype="text/html")


def _page(spec: Any) -> str:
    rows = []
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if not isinstance(operation, dict):
                continue
            wants = ", ".join(
                f"{p['name']} ({p['in']})" for p in operation.get("parameters", []) if "name" in p
            )
            bodies = ", ".join(operation.get("requestBody", {}).get("content", {}))
            answers = ", ".join(
                f"{status} {answer.get('description', '')}".strip()
                for status, answer in operation["responses"].items()
            )
            about = " ".join(filter(None, (operation.get("summary"), operation.get("description"))))
            cells = (f"{method.upper()} {path}", about, wants, bodies, answers)
            rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
    heads = "".join(f"<th>{h}</th>" for h in ("route", "what", "takes", "body", "gives"))
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>humantrack: API</title>'
        "<h1>humantrack: API</h1><p>The same for programs: <a href='/openapi.json'>"
        f"/openapi.json</a></p><table border='1'><tr>{heads}</tr>{table}</table></html>"
    )
